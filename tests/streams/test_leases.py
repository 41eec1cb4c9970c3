import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Channel, User
from streams import leases
from streams.models import Broadcast, EncodeLease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broadcast() -> Broadcast:
    alice = User.objects.create_user("alice@example.org", "correct horse battery")
    channel = Channel.objects.create(owner=alice, name="alice")
    return Broadcast.objects.create(channel=channel, session="b:1", ingest_name="i", key_hash="h", ladder=["source"])


def lapse(broadcast: Broadcast, seconds: float = 0) -> None:
    """As if the holder had been silent, and its lease a suspect, for this long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE streams_encodelease SET expires_at = clock_timestamp() - %s * interval '1 second',"
            " suspect_since = CASE WHEN %s > 0 THEN clock_timestamp() - %s * interval '1 second' END WHERE broadcast_id = %s",
            [seconds + 0.001, seconds, seconds, broadcast.id],
        )


def test_a_second_worker_does_not_get_a_held_lease(broadcast: Broadcast) -> None:
    assert leases.claim(broadcast.id, "source", "one") == 1
    with pytest.raises(leases.LeaseHeld):
        leases.claim(broadcast.id, "source", "two")
    assert leases.live(broadcast.id) == {"source"}


def test_each_claim_of_a_lapsed_lease_raises_the_epoch(broadcast: Broadcast) -> None:
    leases.claim(broadcast.id, "source", "one")
    lapse(broadcast)
    assert leases.live(broadcast.id) == set()
    assert leases.claim(broadcast.id, "source", "two") == 2


def test_the_first_holder_learns_that_it_has_lost_its_lease(broadcast: Broadcast) -> None:
    epoch = leases.claim(broadcast.id, "source", "one")
    leases.renew(broadcast.id, "source", epoch)
    lapse(broadcast)
    leases.claim(broadcast.id, "source", "two")
    with pytest.raises(leases.LeaseLost):
        leases.renew(broadcast.id, "source", epoch)


def test_a_lapsed_lease_that_nobody_claimed_is_renewed(broadcast: Broadcast) -> None:
    epoch = leases.claim(broadcast.id, "source", "one")
    lapse(broadcast, seconds=9)
    leases.renew(broadcast.id, "source", epoch)
    assert leases.live(broadcast.id) == {"source"}
    assert leases.overdue() == []


def test_a_lease_is_lost_when_its_broadcast_ends(broadcast: Broadcast) -> None:
    epoch = leases.claim(broadcast.id, "source", "one")
    Broadcast.objects.update(state=Broadcast.State.ENDED, ended_at=timezone.now())
    with pytest.raises(leases.LeaseLost):
        leases.renew(broadcast.id, "source", epoch)
    lapse(broadcast)
    with pytest.raises(leases.LeaseHeld):
        leases.claim(broadcast.id, "source", "two")


def test_a_lapsed_lease_is_overdue_at_the_second_look(broadcast: Broadcast) -> None:
    leases.claim(broadcast.id, "source", "one")
    assert leases.overdue() == []
    lapse(broadcast)
    assert leases.overdue() == []
    lapse(broadcast, seconds=leases.SUSPECT_S + 0.1)
    assert leases.overdue() == [(broadcast.id, "source", 0)]


def test_failures_in_a_row_wait_ever_longer(broadcast: Broadcast) -> None:
    for failures in range(1, 4):
        epoch = leases.claim(broadcast.id, "source", "one")
        leases.release(broadcast.id, "source", epoch, failed=1)
        assert leases.overdue() == []
        lapse(broadcast, seconds=leases.FIRST_RETRY_S * 2**failures + 0.1)
        assert leases.overdue() == [(broadcast.id, "source", failures)]


def test_a_withdrawn_rendition_is_never_called_again(broadcast: Broadcast) -> None:
    epoch = leases.claim(broadcast.id, "source", "one")
    leases.release(broadcast.id, "source", epoch, withdrawn=True)
    lapse(broadcast, seconds=60)
    assert leases.overdue() == []
    assert leases.withdrawn(broadcast.id) == {"source"}
    with pytest.raises(leases.LeaseHeld):
        leases.claim(broadcast.id, "source", "two")


def test_of_many_who_claim_at_once_one_succeeds(broadcast: Broadcast) -> None:
    won: list[int] = []

    def claim() -> None:
        try:
            won.append(leases.claim(broadcast.id, "source", threading.current_thread().name))
        except leases.LeaseHeld:
            pass
        finally:
            connection.close()

    in_parallel(claim, 12)
    assert won == [1]
    assert EncodeLease.objects.count() == 1


def in_parallel(call: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
