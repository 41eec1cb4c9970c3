"""Stands for an encoders' pool that a small machine could not carry: holds the leases of all that publish, and says of each
that its picture has come. It runs beside a site.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection
from django.utils import timezone

from streams import broadcasts
from streams.models import Broadcast
from tests.faults.stack import MANAGE, Stack, running

LOOK_S = 0.2
CLAIM_ALL = """
INSERT INTO streams_encodelease (broadcast_id, rendition, epoch, worker, expires_at, failures, withdrawn)
SELECT id, rendition, 1, 'a stand-in', clock_timestamp() + interval '1 hour', 0, false
FROM (
  SELECT id, ladder FROM streams_broadcast AS broadcast
  WHERE state IN ('publishing', 'live', 'reconnecting') AND connected_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM streams_encodelease WHERE broadcast_id = broadcast.id AND expires_at >= clock_timestamp()
  )
  FOR UPDATE SKIP LOCKED
) AS published CROSS JOIN jsonb_array_elements_text(ladder) AS listed (rendition)
ON CONFLICT (broadcast_id, rendition) DO UPDATE
SET epoch = streams_encodelease.epoch + 1, expires_at = excluded.expires_at, suspect_since = NULL
"""


@contextmanager
def standing_in(stack: Stack) -> Iterator[None]:
    program = "from tests.faults.stand_in import hold; hold()"
    with stack.beside("stand-in", [*MANAGE, "shell", "--no-imports", "--command", program]) as pid:
        yield
        assert running([pid]), "it has ended: its words are in its log"


def hold() -> None:
    threading.Thread(target=again_and_again, args=[claim_all], daemon=True).start()
    again_and_again(show_all)


def again_and_again(act: Callable[[], None]) -> None:
    while True:
        act()
        time.sleep(LOOK_S)


def claim_all() -> None:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_ALL)
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'encode' AND status = 'todo'")


def show_all() -> None:
    dark = [Broadcast.State.PUBLISHING, Broadcast.State.RECONNECTING]
    for broadcast in Broadcast.objects.filter(state__in=dark, connected_at__isnull=False):
        broadcasts.go_live(broadcast.pk, timezone.now(), broadcast.epoch)
