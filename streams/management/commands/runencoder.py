"""The worker that encodes: `--slots` renditions at a time."""

import asyncio
import logging
from argparse import ArgumentParser

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand
from gunicorn.systemd import sd_notify

from streams import capacity
from streams.metrics import serve
from streams.worker import name, work

HANDED_OVER_S = 10  # a successor begins with the second keyframe that it sees, at the latest


class Command(BaseCommand):
    help = "Encode: takes encode jobs, one rendition each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--slots", type=int, default=settings.ENCODER_SLOTS, help="renditions at a time (%(default)s)")
        parser.add_argument("--metrics", metavar="HOST:PORT", help="where Prometheus is answered")

    def handle(self, *args: object, slots: int, metrics: str | None, **options: object) -> None:
        uvloop.run(encode(slots, metrics))


async def encode(slots: int, metrics: str | None) -> None:
    """Once its port answers, another that is told to leave hands over to it."""
    leaving = asyncio.Event()
    async with capacity.announced(name("encode"), slots, leaving):
        if metrics:
            serve(metrics)
        sd_notify("READY=1", logging.getLogger(__name__))
        await work("encode", slots, leaving, HANDED_OVER_S)
