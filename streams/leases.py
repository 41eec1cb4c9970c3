"""Who encodes what: PostgreSQL rows, judged by the database's clock alone."""

from __future__ import annotations

import datetime as dt

from django.db import connection

TTL_S = 3.0
RENEW_S = 0.8


Arguments = dict[str, str | float | bool]


class LeaseHeld(Exception):
    """Somebody else encodes this rendition."""


class LeaseLost(Exception):
    """A newer epoch was given out, or the broadcast has ended."""


OPEN = "('publishing', 'live', 'reconnecting')"
SUSPECT_S = 0.9  # a lapsed lease is looked at twice, so that the end of an outage is no storm of takeovers
FIRST_RETRY_S = 0.5  # doubles with every failure in a row
LONGEST_RETRY_S = 30
GIVE_UP_FAILURES = 5
UNCLAIMED_S = 5  # a broadcast older than this has had all its jobs claimed once

CLAIM = f"""
INSERT INTO streams_encodelease (broadcast_id, rendition, epoch, worker, expires_at, failures, withdrawn)
SELECT id, %(rendition)s, 1, %(worker)s, clock_timestamp() + %(ttl)s * interval '1 second', 0, false
FROM streams_broadcast WHERE id = %(broadcast)s AND state IN {OPEN} AND connected_at IS NOT NULL
ON CONFLICT (broadcast_id, rendition) DO UPDATE
SET epoch = streams_encodelease.epoch + 1, worker = excluded.worker, expires_at = excluded.expires_at, suspect_since = NULL
WHERE streams_encodelease.expires_at < clock_timestamp() AND NOT streams_encodelease.withdrawn
RETURNING epoch
"""

RENEW = f"""
UPDATE streams_encodelease
SET expires_at = clock_timestamp() + %(ttl)s * interval '1 second', suspect_since = NULL
FROM streams_broadcast
WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s AND streams_encodelease.epoch = %(epoch)s
  AND streams_broadcast.id = broadcast_id AND streams_broadcast.state IN {OPEN} AND streams_broadcast.connected_at IS NOT NULL
RETURNING clock_timestamp()
"""

RELEASE = """
UPDATE streams_encodelease
SET expires_at = clock_timestamp(), suspect_since = clock_timestamp() - interval '1 second' * %(head_start)s,
    withdrawn = %(withdrawn)s,
    failures = CASE WHEN %(failed)s = 0 THEN 0 WHEN %(steady)s THEN %(failed)s ELSE failures + %(failed)s END
WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s AND epoch = %(epoch)s
"""

OFFER = """
UPDATE streams_encodelease SET expires_at = clock_timestamp() - interval '1 millisecond', suspect_since = NULL
WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s AND epoch = %(epoch)s
"""

REVOKE = """
UPDATE streams_encodelease
SET epoch = epoch + 1, expires_at = clock_timestamp(), suspect_since = NULL, failures = 0
WHERE broadcast_id = %(broadcast)s AND NOT withdrawn
"""

TAKEN = """
SELECT FROM streams_encodelease WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s AND epoch > %(epoch)s
"""

WITHDRAW = """
UPDATE streams_encodelease SET withdrawn = true
WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s RETURNING epoch
"""

SHED = """
UPDATE streams_encodelease
SET withdrawn = true, shed_at = %(now)s, sheds = sheds + 1, balanced_at = %(now)s,
    epoch = epoch + 1, expires_at = clock_timestamp()
WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s RETURNING epoch
"""

BRING_BACK = """
UPDATE streams_encodelease
SET withdrawn = false, shed_at = NULL, balanced_at = %(now)s, expires_at = clock_timestamp(), suspect_since = NULL, failures = 0
WHERE broadcast_id = %(broadcast)s AND rendition = %(rendition)s
"""

SHED_ONES = """
SELECT broadcast_id, rendition, shed_at, sheds FROM streams_encodelease
WHERE broadcast_id = ANY(%(broadcasts)s) AND withdrawn AND shed_at IS NOT NULL
"""

BALANCING, TAKING = 7_531, 7_532  # locks of PostgreSQL's

LIVE = """
SELECT rendition FROM streams_encodelease WHERE broadcast_id = %(broadcast)s AND expires_at >= clock_timestamp()
"""

WITHDRAWN = "SELECT rendition FROM streams_encodelease WHERE broadcast_id = %(broadcast)s AND withdrawn"

LEFT_OUT = """
SELECT CASE WHEN shed_at IS NULL THEN 'failed_quality' ELSE 'shed_quality' END, rendition FROM streams_encodelease
WHERE broadcast_id = %(broadcast)s AND withdrawn AND (shed_at IS NOT NULL OR failures >= %(many)s) ORDER BY rendition
"""

WANTED = f"""
SELECT count(*) FROM streams_broadcast b CROSS JOIN jsonb_array_elements_text(b.ladder) AS wanted (rendition)
WHERE b.state IN {OPEN} AND NOT EXISTS (
  SELECT FROM streams_encodelease l WHERE l.broadcast_id = b.id AND l.rendition = wanted.rendition AND l.withdrawn
)
"""

HEALTH = f"""
SELECT rendition, count(*), sum(failures), extract(epoch FROM max(clock_timestamp() - expires_at))::float + %(ttl)s
FROM streams_encodelease l JOIN streams_broadcast b
  ON b.id = l.broadcast_id AND b.state IN {OPEN} AND b.connected_at IS NOT NULL
WHERE NOT withdrawn GROUP BY rendition
"""

# where a publisher is waited for there is nothing to encode
LAPSED = f"""
FROM streams_encodelease l
JOIN streams_broadcast b ON b.id = l.broadcast_id AND b.state IN {OPEN} AND b.connected_at IS NOT NULL
WHERE l.expires_at < clock_timestamp() AND NOT l.withdrawn
"""

SUSPECT = f"""
UPDATE streams_encodelease SET suspect_since = clock_timestamp()
WHERE id IN (SELECT l.id {LAPSED} AND l.suspect_since IS NULL)
"""

OVERDUE = f"""
SELECT l.broadcast_id, l.rendition, l.failures {LAPSED} AND l.suspect_since < clock_timestamp() - interval '1 second' *
  CASE WHEN l.failures = 0 THEN %(suspect)s ELSE least(%(longest)s, %(first)s * pow(2, l.failures)) END
"""


# jobs that were lost before they claimed anything
UNCLAIMED = f"""
SELECT b.id, wanted.rendition, 0
FROM streams_broadcast b CROSS JOIN jsonb_array_elements_text(b.ladder) AS wanted (rendition)
WHERE b.state IN {OPEN} AND b.connected_at < clock_timestamp() - interval '1 second' * %(unclaimed)s
  AND NOT EXISTS (SELECT FROM streams_encodelease l WHERE l.broadcast_id = b.id AND l.rendition = wanted.rendition)
"""


def claim(broadcast_id: str, rendition: str, worker: str, ttl_s: float = TTL_S) -> int:
    """Take the lease and return its epoch, which only rises. Raises LeaseHeld (also when the broadcast is over)."""
    args: Arguments = {"broadcast": broadcast_id, "rendition": rendition, "worker": worker, "ttl": ttl_s}
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, args)
        row = cursor.fetchone()
    if row is None:
        raise LeaseHeld(f"{rendition} of {broadcast_id}")
    return row[0]


def renew(broadcast_id: str, rendition: str, epoch: int, ttl_s: float = TTL_S) -> dt.datetime:
    """Returns the database's time. Raises LeaseLost. A lapsed lease that nobody has claimed is renewed all the same, unless a
    publisher is waited for."""
    args: Arguments = {"broadcast": broadcast_id, "rendition": rendition, "epoch": epoch, "ttl": ttl_s}
    with connection.cursor() as cursor:
        cursor.execute(RENEW, args)
        row = cursor.fetchone()
    if row is None:
        raise LeaseLost(f"{rendition} of {broadcast_id}")
    return row[0]


def release(
    broadcast_id: str, rendition: str, epoch: int, failed: int = 0, steady: bool = False, withdrawn: bool = False
) -> None:
    """Let a successor begin, at once unless the job FAILED so many times; where it was steady before, that begins a new row.

    A withdrawn rendition has no successor.
    """
    args: Arguments = {
        "broadcast": broadcast_id,
        "rendition": rendition,
        "epoch": epoch,
        "failed": failed,
        "steady": steady,
        "withdrawn": withdrawn,
        "head_start": 0 if failed else SUSPECT_S,
    }
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, args)


def offer(broadcast_id: str, rendition: str, epoch: int) -> None:
    """Somebody else may claim it at once."""
    with connection.cursor() as cursor:
        cursor.execute(OFFER, {"broadcast": broadcast_id, "rendition": rendition, "epoch": epoch})


def is_taken(broadcast_id: str, rendition: str, epoch: int) -> bool:
    """Whether somebody has claimed it since."""
    args: Arguments = {"broadcast": broadcast_id, "rendition": rendition, "epoch": epoch}
    with connection.cursor() as cursor:
        cursor.execute(TAKEN, args)
        return cursor.fetchone() is not None


def revoke(broadcast_id: str) -> None:
    """Another publisher has come: who encodes the last one's stream learns that it is over, and everybody may claim at once."""
    with connection.cursor() as cursor:
        cursor.execute(REVOKE, {"broadcast": broadcast_id})


def withdraw(broadcast_id: str, rendition: str) -> int:
    """Give the rendition up; returns its last epoch."""
    with connection.cursor() as cursor:
        cursor.execute(WITHDRAW, {"broadcast": broadcast_id, "rendition": rendition})
        return int(cursor.fetchone()[0])


def shed(broadcast_id: str, rendition: str, now: dt.datetime) -> int:
    """Give the rendition up until there is room, whoever encodes it; returns the epoch that keeps them out."""
    with connection.cursor() as cursor:
        cursor.execute(SHED, {"broadcast": broadcast_id, "rendition": rendition, "now": now})
        return int(cursor.fetchone()[0])


def bring_back(broadcast_id: str, rendition: str, now: dt.datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(BRING_BACK, {"broadcast": broadcast_id, "rendition": rendition, "now": now})


def shed_ones(broadcast_ids: list[str]) -> list[tuple[str, str, dt.datetime, int]]:
    """(broadcast, rendition, since when, how often it was)."""
    with connection.cursor() as cursor:
        cursor.execute(SHED_ONES, {"broadcasts": broadcast_ids})
        return cursor.fetchall()


def balanced_at(broadcast_ids: list[str]) -> dt.datetime | None:
    """When something of these was last shed or brought back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(balanced_at) FROM streams_encodelease WHERE broadcast_id = ANY(%s)", [broadcast_ids])
        return cursor.fetchone()[0]


def alone_in_balancing() -> bool:
    """Until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [BALANCING])
        return bool(cursor.fetchone()[0])


def alone_in_taking() -> None:
    """Nobody else takes what there is room for until the transaction ends: who waits here sees what was taken."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TAKING])


def left_out(broadcast_id: str) -> list[tuple[str, str]]:
    """(code of a reason, rendition): what was shed, and what kept failing."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT_OUT, {"broadcast": broadcast_id, "many": GIVE_UP_FAILURES})
        return cursor.fetchall()


def health() -> list[tuple[str, int, int, float]]:
    """(rendition, leases of what is on, failures in a row, seconds since the longest silent one was renewed)."""
    with connection.cursor() as cursor:
        cursor.execute(HEALTH, {"ttl": TTL_S})
        return cursor.fetchall()


def wanted() -> int:
    """How many renditions of what is on are to be encoded."""
    with connection.cursor() as cursor:
        cursor.execute(WANTED)
        return int(cursor.fetchone()[0])


def live(broadcast_id: str) -> set[str]:
    """The renditions that somebody encodes."""
    with connection.cursor() as cursor:
        cursor.execute(LIVE, {"broadcast": broadcast_id})
        return {rendition for (rendition,) in cursor.fetchall()}


def withdrawn(broadcast_id: str) -> set[str]:
    """The renditions that the broadcast does without."""
    with connection.cursor() as cursor:
        cursor.execute(WITHDRAWN, {"broadcast": broadcast_id})
        return {rendition for (rendition,) in cursor.fetchall()}


def overdue() -> list[tuple[str, str, int]]:
    """(broadcast, rendition, failures in a row) of every lease that has been lapsed for long enough to need a new job."""
    with connection.cursor() as cursor:
        cursor.execute(SUSPECT)
        cursor.execute(OVERDUE, {"suspect": SUSPECT_S, "first": FIRST_RETRY_S, "longest": LONGEST_RETRY_S})
        lapsed = cursor.fetchall()
        cursor.execute(UNCLAIMED, {"unclaimed": UNCLAIMED_S})
        return lapsed + cursor.fetchall()
