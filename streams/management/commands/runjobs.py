"""The worker for everything short."""

import uvloop
from django.core.management.base import BaseCommand

from streams.worker import work


class Command(BaseCommand):
    help = "Look after what is live, write documents."

    def handle(self, *args: object, **options: object) -> None:
        uvloop.run(work("jobs", 4))
