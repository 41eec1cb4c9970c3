"""The worker that encodes: `--slots` renditions at a time."""

import asyncio
from argparse import ArgumentParser

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand

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
        if metrics:
            serve(metrics)
        uvloop.run(encode(slots))


async def encode(slots: int) -> None:
    leaving = asyncio.Event()
    async with capacity.announced(name("encode"), slots, leaving):
        await work("encode", slots, leaving, HANDED_OVER_S)
