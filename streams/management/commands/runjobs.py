"""The worker for everything short."""

import asyncio
from argparse import ArgumentParser

import uvloop
from django.core.management.base import BaseCommand

from streams.metrics import serve
from streams.worker import work


class Command(BaseCommand):
    help = "Look after what is live, write documents."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--metrics", metavar="HOST:PORT", help="where Prometheus is answered")

    def handle(self, *args: object, metrics: str | None, **options: object) -> None:
        if metrics:
            serve(metrics)
        uvloop.run(look_after())


async def look_after() -> None:
    await work("jobs", 4, asyncio.Event())
