"""One broadcast, several publishers: who leaves, who comes back, and what the RTMP server says of it, in whatever order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from hypothesis import Phase
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from procrastinate.contrib.django.models import ProcrastinateJob
from redis.asyncio import Redis

from accounts.models import Channel
from streams import admission, broadcasts, capacity, leases, reconcile, records, segment_cache, silence
from streams.documents import StreamKey, StreamMetadata
from streams.ingest import PublishEvent
from streams.models import Broadcast, EncodeLease, Refusal
from streams.refusals import AlreadyLive, PublishRefused
from streams.rtmp import Stream
from tests.streams.rig import begun, boundary, own_channel, part, random_id
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["rtmp_server"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_store", "rtmp_server")]

ADDR, ELSEWHERE = "192.0.2.7", "198.51.100.9"
WAIT_S = 30


@pytest.fixture(autouse=True)
def own_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """For many broadcasts, the running site's encoders would not be enough."""
    monkeypatch.setattr(capacity, "WORKERS", f"encoders:{random_id()}")


@pytest.fixture
def now() -> dt.datetime:
    return timezone.now().replace(microsecond=0)


@pytest.fixture
def channel() -> Channel:
    return own_channel(reconnect_s=WAIT_S)


@pytest.fixture
def key(channel: Channel, now: dt.datetime) -> str:
    return StreamKey.issue(channel.pk, now)[1]


def event(key: str, session: str, addr: str = ADDR) -> PublishEvent:
    return PublishEvent("publish", session, "live", key, addr)


def after(now: dt.datetime, seconds: float) -> dt.datetime:
    return now + dt.timedelta(seconds=seconds)


def in_redis(call: Callable[..., Any], *args: Any) -> Any:
    async def run() -> Any:
        async with segment_cache.connect() as redis:
            return await call(redis, *args)

    return async_to_sync(run)()


def state_of(channel: Channel) -> str:
    return str(in_redis(segment_cache.shown, channel.name)["state"])


def live(key: str, now: dt.datetime) -> Broadcast:
    broadcast = admission.open(event(key, "boot:1"), now)
    assert broadcasts.go_live(broadcast.pk, after(now, 1))
    broadcast.refresh_from_db()
    return broadcast


def lost(key: str, now: dt.datetime) -> Broadcast:
    """Ten seconds later."""
    broadcast = live(key, now)
    assert broadcasts.publisher_left("boot:1", after(now, 10))
    broadcast.refresh_from_db()
    return broadcast


def waiting_jobs() -> list[str]:
    return [job.args["rendition"] for job in ProcrastinateJob.objects.filter(task_name="encode", status="todo").order_by("id")]


# --- lose -----------------------------------------------------------------------------------------------------------------


def test_what_was_live_waits_for_its_publisher(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    assert (broadcast.state, broadcast.lost_at, broadcast.connected_at) == ("reconnecting", after(now, 10), None)
    assert broadcast.reconnect_until == after(now, 10 + WAIT_S) and broadcast.ended_at is None
    assert state_of(channel) == "reconnecting" and not in_redis(segment_cache.master, broadcast.id).ended


def test_what_was_never_live_ends(key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key, "boot:1"), now)
    assert broadcasts.publisher_left("boot:1", after(now, 1))
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.end_reason) == ("ended", "stopped")


def test_a_channel_may_have_its_broadcasts_end_at_once(channel: Channel, key: str, now: dt.datetime) -> None:
    Channel.objects.update(reconnect_s=0)
    assert lost(key, now).state == "ended" and state_of(channel) == "ended"


def test_only_the_first_word_of_a_loss_counts(key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    assert not broadcasts.publisher_left("boot:1", after(now, 20))
    assert not broadcasts.lose(broadcast, "lost", after(now, 20))
    broadcast.refresh_from_db()
    assert broadcast.lost_at == after(now, 10) and broadcast.end_reason == "stopped"


def test_nobody_is_called_to_encode_what_waits(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    epoch = leases.claim(broadcast.id, "source", "one")
    ProcrastinateJob.objects.all().delete()
    broadcasts.publisher_left("boot:1", after(now, 10))
    with pytest.raises(leases.LeaseLost):
        leases.renew(broadcast.id, "source", epoch)
    leases.release(broadcast.id, "source", epoch)
    assert leases.overdue() == []
    with pytest.raises(leases.LeaseHeld):
        leases.claim(broadcast.id, "source", "two")


def test_what_is_listed_stays_for_as_long_as_the_publisher_is_waited_for(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)

    async def write(redis: Redis) -> None:
        writer = await begun(redis, broadcast.id, "source")
        await writer.store(part(10), b"one", 0)

    async def ttl(redis: Redis) -> int:
        return int(await redis.ttl(f"hls:{{{broadcast.id}}}:source:part:1-1"))

    in_redis(write)
    assert in_redis(ttl) <= segment_cache.PART_TTL_S
    broadcasts.publisher_left("boot:1", after(now, 10))
    assert in_redis(ttl) > WAIT_S + segment_cache.PART_TTL_S - 5


def noted(broadcast: Broadcast, at: dt.datetime) -> None:
    """A second of its picture."""

    async def note(redis: Redis) -> None:
        await (await begun(redis, broadcast.id, "source")).note({"at_ms": int(at.timestamp() * 1000)})

    in_redis(note)


def test_it_is_waited_for_from_the_last_picture_on(key: str, now: dt.datetime) -> None:
    """The RTMP server notices a line that has gone dark after ten seconds."""
    broadcast = live(key, now)
    noted(broadcast, after(now, 9))
    assert broadcasts.publisher_left("boot:1", after(now, 20))
    broadcast.refresh_from_db()
    assert (broadcast.lost_at, broadcast.reconnect_until) == (after(now, 10), after(now, 10 + WAIT_S))


def test_what_was_seen_of_the_session_before_costs_nothing_of_the_wait(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    noted(broadcast, after(now, 9))
    assert broadcasts.publisher_left("boot:1", after(now, 10))
    admission.open(event(key, "boot:2"), after(now, 20))
    assert broadcasts.go_live(broadcast.id, after(now, 21), epoch=2)
    assert broadcasts.publisher_left("boot:2", after(now, 22))
    broadcast.refresh_from_db()
    assert broadcast.reconnect_until == after(now, 22 + WAIT_S)


@pytest.mark.parametrize(("noted_s", "lost_s"), [(1, 30 - silence.LATEST_S), (-3600, 30), (3600, 30)])
def test_an_encoders_clock_that_is_wrong_costs_little_of_the_wait(
    key: str, now: dt.datetime, noted_s: int, lost_s: float
) -> None:
    broadcast = live(key, now)
    noted(broadcast, after(now, noted_s))
    assert broadcasts.publisher_left("boot:1", after(now, 30))
    broadcast.refresh_from_db()
    assert broadcast.lost_at == after(now, lost_s)


def test_a_publisher_that_shows_nothing_is_dropped_and_waited_for(
    channel: Channel, key: str, now: dt.datetime, rtmp_server: RtmpServer
) -> None:
    broadcast = live(key, now)
    assert broadcasts.lose(broadcast, "no_media", after(now, 30))
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.end_reason) == ("reconnecting", "lost")
    assert rtmp_server.dropped == [broadcast.ingest_name] and Refusal.objects.get().reason == "no_media"


# --- resume ---------------------------------------------------------------------------------------------------------------


def test_who_comes_back_goes_on_with_the_same_broadcast(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    again = admission.open(event(key, "boot:2", ELSEWHERE), after(now, 20))
    assert (again.pk, again.epoch, again.session, again.addr) == (broadcast.pk, 2, "boot:2", ELSEWHERE)
    assert again.ingest_name != broadcast.ingest_name and again.ladder == broadcast.ladder
    assert (again.state, again.connected_at) == ("reconnecting", after(now, 20))
    assert broadcasts.go_live(again.pk, after(now, 22), epoch=2)
    again.refresh_from_db()
    assert (again.state, again.lost_at, again.reconnect_until, again.end_reason) == ("live", None, None, "")
    assert again.live_at == broadcast.live_at and state_of(channel) == "live"
    assert Broadcast.objects.count() == 1


def test_another_key_of_the_channel_will_do(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    other = StreamKey.issue(channel.pk, now)[1]
    assert admission.open(event(other, "boot:2"), after(now, 20)).pk == broadcast.pk


def test_a_returning_publishers_jobs_need_not_wait_for_the_old_ones(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    epochs = {name: leases.claim(broadcast.id, name, "one") for name in broadcast.ladder}
    leases.withdraw(broadcast.id, "720p")
    ProcrastinateJob.objects.all().delete()
    broadcasts.publisher_left("boot:1", after(now, 10))
    admission.open(event(key, "boot:2"), after(now, 10.5))
    assert waiting_jobs() == ["source", "audio", "360p", "480p"]
    for name in waiting_jobs():
        with pytest.raises(leases.LeaseLost):
            leases.renew(broadcast.id, name, epochs[name])
        assert leases.claim(broadcast.id, name, "two") == epochs[name] + 2
    with pytest.raises(leases.LeaseHeld):
        leases.claim(broadcast.id, "720p", "two")


def test_failures_of_the_last_sessions_encoders_are_forgiven(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    leases.release(broadcast.id, "source", leases.claim(broadcast.id, "source", "one"), failed=1)
    broadcasts.publisher_left("boot:1", after(now, 10))
    admission.open(event(key, "boot:2"), after(now, 20))
    assert EncodeLease.objects.get().failures == 0


def test_a_picture_of_the_last_session_does_not_make_it_live(key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    assert not broadcasts.go_live(broadcast.pk, after(now, 11), epoch=1)
    admission.open(event(key, "boot:2"), after(now, 20))
    assert not broadcasts.go_live(broadcast.pk, after(now, 21), epoch=1)
    broadcast.refresh_from_db()
    assert broadcast.state == "reconnecting"


def test_each_session_has_an_era_of_its_own_and_numbers_go_on(key: str, now: dt.datetime) -> None:
    """Whatever its stamps are: a publisher that is started again counts from 0."""
    broadcast = live(key, now)
    ms = int(now.timestamp() * 1000)

    async def first(redis: Redis) -> int:
        writer = await begun(redis, broadcast.id, "source")
        await boundary(writer, 60_000, ms)
        return (await boundary(writer, 62_000, ms + 2000)).msn

    async def second(redis: Redis, old_ms: int) -> None:
        clock = await segment_cache.clock(redis, broadcast.id)
        assert clock and (clock.era, clock.pairs) == (1, [])
        late = await begun(redis, broadcast.id, "360p")
        assert await late.boundary(0, old_ms, ms + 4000) is None  # the last session's: it begins nothing here
        source, lowest = await begun(redis, broadcast.id, "source", 2), await begun(redis, broadcast.id, "360p", 2)
        assert await source.era(None, 40, ms + 5000) == (1, 40)
        tick = await boundary(source, 40, ms + 5000, era=1)
        assert (tick.msn, tick.era, tick.offset_ms) == (newest + 1, 1, ms + 5000 - 40)
        assert await lowest.era(None, 40, ms + 5100) == (1, 40)
        assert await boundary(lowest, 40, ms + 5100, era=1) == tick

    newest = in_redis(first)
    broadcasts.publisher_left("boot:1", after(now, 3))
    admission.open(event(key, "boot:2"), after(now, 4))
    in_redis(second, 64_000)


def test_a_session_without_a_picture_is_no_era(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)

    async def first(redis: Redis) -> None:
        await boundary(await begun(redis, broadcast.id, "source"), 0)

    in_redis(first)
    for session in (2, 3):
        broadcasts.publisher_left(f"boot:{session - 1}", after(now, session))
        admission.open(event(key, f"boot:{session}"), after(now, session))
    assert in_redis(segment_cache.clock, broadcast.id).era == 1


def test_sessions_that_show_nothing_do_not_prolong_the_wait(key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    admission.open(event(key, "boot:2"), after(now, 20))
    assert broadcasts.publisher_left("boot:2", after(now, 30))
    broadcast.refresh_from_db()
    assert (broadcast.lost_at, broadcast.reconnect_until) == (after(now, 10), after(now, 10 + WAIT_S))


def test_it_is_as_long_as_there_was_a_picture_and_one_document(key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    reconcile.look({}, after(now, 10 + WAIT_S))
    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.end_reason, broadcast.ended_at) == ("ended", "stopped", after(now, 10 + WAIT_S))
    assert broadcast.length == dt.timedelta(seconds=9)
    records.write(broadcast.pk)
    assert StreamMetadata.objects.get().duration_s == 10


def test_a_suspended_channel_does_not_come_back(channel: Channel, key: str, now: dt.datetime) -> None:
    lost(key, now)
    Channel.objects.update(suspended_until=after(now, 3600))
    with pytest.raises(PublishRefused, match="suspended"):
        admission.open(event(key, "boot:2"), after(now, 20))


# --- take over ------------------------------------------------------------------------------------------------------------


def test_another_publisher_takes_the_place_of_the_silent_one_alone(channel: Channel, key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    for silent in (None, "boot:0"):
        with pytest.raises(AlreadyLive):
            admission.open(event(key, "boot:2"), after(now, 20), silent)
    assert Refusal.objects.get().reason == "already_live"
    again = admission.open(event(key, "boot:3"), after(now, 21), silent="boot:1")
    assert (again.pk, again.epoch, again.state) == (broadcast.pk, 2, "reconnecting")
    assert not Refusal.objects.exists() and state_of(channel) == "reconnecting"
    assert not broadcasts.publisher_left("boot:1", after(now, 22))  # late: it changes nothing
    assert broadcasts.go_live(again.pk, after(now, 23), epoch=2)


def test_who_connected_but_never_sent_is_replaced_too(key: str, now: dt.datetime) -> None:
    broadcast = admission.open(event(key, "boot:1"), now)
    again = admission.open(event(key, "boot:2"), after(now, 6), silent="boot:1")
    assert (again.pk, again.epoch, again.state) == (broadcast.pk, 2, "publishing")
    assert broadcasts.go_live(again.pk, after(now, 7), epoch=2)


def test_who_came_to_a_server_that_was_started_anew_since_is_replaced_at_once(key: str, now: dt.datetime) -> None:
    broadcast = live(key, now)
    again = admission.open(event(key, "reboot:1"), after(now, 1))
    assert (again.pk, again.epoch, again.state, again.session) == (broadcast.pk, 2, "reconnecting", "reboot:1")
    assert not broadcasts.publisher_left("boot:1", after(now, 2)) and not Refusal.objects.exists()


# --- hooks ----------------------------------------------------------------------------------------------------------------


def test_a_hook_that_comes_twice_gets_the_same_answer(key: str, now: dt.datetime) -> None:
    first = admission.open(event(key, "boot:1"), now)
    again = admission.open(event(key, "boot:1"), after(now, 1))
    assert (again.pk, again.epoch, again.ingest_name) == (first.pk, 1, first.ingest_name)


def test_a_hook_that_comes_after_its_publisher_has_left_opens_nothing(key: str, now: dt.datetime) -> None:
    broadcast = lost(key, now)
    for late in ("boot:1", "boot:0"):
        with pytest.raises(PublishRefused, match="stopped"):
            admission.open(event(key, late), after(now, 20))
    broadcast.refresh_from_db()
    assert broadcast.is_waiting and broadcast.epoch == 1


class Server(RuleBasedStateMachine):
    """An RTMP server whose hooks come late, again, in any order or never."""

    fake: ClassVar[RtmpServer]

    def __init__(self) -> None:
        super().__init__()
        self.now = timezone.now()
        self.channel = own_channel(reconnect_s=WAIT_S)
        self.key = StreamKey.issue(self.channel.pk, self.now)[1]
        self.connections = 0
        self.there: dict[str, str] = {}  # session → ingest name
        self.gone: list[str] = []
        self.asked: list[str] = []

    def pass_time(self, seconds: float) -> None:
        self.now = after(self.now, seconds)

    @property
    def open(self) -> Broadcast | None:
        return Broadcast.objects.filter(channel=self.channel, state__in=Broadcast.OPEN).first()

    def leave(self, session: str) -> None:
        del self.there[session]
        self.gone.append(session)

    @rule(takes_over=st.booleans())
    def somebody_comes(self, takes_over: bool) -> None:
        self.pass_time(0.1)
        self.connections += 1
        session, last = f"boot:{self.connections}", self.open
        self.asked.append(session)
        try:
            found = admission.open(event(self.key, session), self.now, last.session if last and takes_over else None)
        except PublishRefused:
            self.gone.append(session)
        else:
            if last and last.session in self.there:
                self.leave(last.session)  # it is dropped
            self.there[session] = found.ingest_name

    @precondition(lambda self: self.there)
    @rule(is_told=st.booleans())
    def somebody_leaves(self, is_told: bool) -> None:
        session = next(iter(self.there))
        self.leave(session)
        if is_told:
            broadcasts.publisher_left(session, self.now)

    @precondition(lambda self: self.gone)
    @rule(data=st.data())
    def a_late_word_of_an_end(self, data: st.DataObject) -> None:
        broadcasts.publisher_left(data.draw(st.sampled_from(self.gone)), self.now)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def a_question_is_repeated(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.asked))
        try:
            found = admission.open(event(self.key, session), self.now)
        except PublishRefused:
            assert session not in self.there or self.there[session] != self.name
        else:
            assert self.there.get(session, found.ingest_name) == found.ingest_name

    @property
    def name(self) -> str | None:
        return self.open.ingest_name if self.open and self.open.connected_at else None

    @rule(back=st.integers(0, 2))
    def a_first_picture(self, back: int) -> None:
        """Of this session, or late, of one before."""
        if (last := self.open) and (back or self.name in self.there.values()):
            broadcasts.go_live(last.pk, self.now, last.epoch - back)

    @rule(seconds=st.sampled_from([1, 3, 6]))
    def a_look(self, seconds: float) -> None:
        self.pass_time(seconds)
        streams = {name: Stream(session, 5, "H264", "AAC") for session, name in self.there.items()}
        self.fake.dropped.clear()
        reconcile.look(streams, self.now)
        for session, name in list(self.there.items()):
            if name in self.fake.dropped:
                self.leave(session)

    @invariant()
    def at_most_one_is_open(self) -> None:
        found = list(Broadcast.objects.filter(channel=self.channel).order_by("started_at"))
        assert len([each for each in found if each.is_open]) <= 1
        assert all(each.ended_at for each in found if not each.is_open)

    def teardown(self) -> None:
        """Whatever happened: what the site says is soon what the server has."""
        for _ in range(3):
            self.a_look(6)
            self.a_first_picture(0)
        last = self.open
        if self.there:
            [(session, name)] = self.there.items()
            assert last and (last.state, last.session, last.ingest_name) == ("live", session, name)
        else:
            assert last is None or last.is_waiting
            self.a_look(WAIT_S)
            assert self.open is None


def test_whatever_the_hooks_say_the_site_soon_knows_who_publishes(rtmp_server: RtmpServer) -> None:
    phases = [Phase.generate]  # each step takes its time
    often = hypothesis(max_examples=25, stateful_step_count=20, deadline=None, database=None, phases=phases)
    Server.fake = rtmp_server
    run_state_machine_as_test(Server, settings=often)
