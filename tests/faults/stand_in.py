"""Stands for an encoders' pool that a small machine could not carry: holds the leases of all that publish, and says of each
that its picture has come. It runs beside a site.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import OperationalError, connection
from django.utils import timezone

from streams import broadcasts
from streams.models import Broadcast
from tests.faults.stack import MANAGE, Stack, running

LOOK_S = 0.2
PUBLISHED = "state IN ('publishing', 'live', 'reconnecting') AND connected_at IS NOT NULL"
CLAIM_ALL = f"""
INSERT INTO streams_encodelease (broadcast_id, rendition, epoch, worker, expires_at, failures, withdrawn)
SELECT id, rendition, 1, 'a stand-in', clock_timestamp() + interval '1 hour', 0, false
FROM streams_broadcast CROSS JOIN jsonb_array_elements_text(ladder) AS listed (rendition) WHERE {PUBLISHED}
ON CONFLICT (broadcast_id, rendition) DO UPDATE
SET epoch = streams_encodelease.epoch + 1, expires_at = excluded.expires_at, suspect_since = NULL
WHERE streams_encodelease.expires_at < clock_timestamp()
"""


@contextmanager
def standing_in(stack: Stack) -> Iterator[None]:
    program = "from tests.faults.stand_in import hold; hold()"
    with stack.beside("stand-in", [*MANAGE, "shell", "--no-imports", "--command", program]) as pid:
        yield
        assert running([pid]), "it has ended: its words are in its log"


def hold() -> None:
    while True:
        with suppress(OperationalError), connection.cursor() as cursor:  # a hook is at work on one of them
            cursor.execute(CLAIM_ALL)
            cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = 'encode' AND status = 'todo'")
        dark = [Broadcast.State.PUBLISHING, Broadcast.State.RECONNECTING]
        for broadcast in Broadcast.objects.filter(state__in=dark, connected_at__isnull=False):
            broadcasts.go_live(broadcast.pk, timezone.now(), broadcast.epoch)
        time.sleep(LOOK_S)
