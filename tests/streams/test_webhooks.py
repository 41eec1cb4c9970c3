"""The hook as the RTMP server calls it; the server's statistics are a fake, the stores are real."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import pytest
from django.conf import settings as site
from django.db import OperationalError, connection
from django.utils import timezone
from httpx import ASGITransport, AsyncClient, Response
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from accounts.models import Channel
from livestream.asgi import application
from streams import admission, broadcasts, gate, leases, limits, publishing, silence, webhooks
from streams.documents import StreamKey
from streams.ingest import PublishEvent
from streams.models import Broadcast, Refusal
from streams.rtmp import Stream
from streams.turns import Turns
from tests.streams.rig import clean_queue, own_channel
from tests.streams.rtmp_server import RtmpServer, rtmp_server

__all__ = ["clean_queue", "rtmp_server"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("clean_queue", "key_store", "plain_static")]

T = TypeVar("T")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BOOT = "b00t"
CLIENT = "7"


@pytest.fixture
async def nginx() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(cast(Any, application)), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "READERS_S", 0.3)
    monkeypatch.setattr(publishing, "ENCODER_S", 0.6)
    monkeypatch.setattr(publishing, "LATE_LOOK_S", 0.05)


@pytest.fixture(autouse=True)
def nobody_is_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since another test."""
    monkeypatch.setattr(gate, "blocks", gate.Blocks())


@pytest.fixture
def channel() -> Channel:
    return own_channel()


@pytest.fixture
def key(channel: Channel) -> str:
    return StreamKey.issue(channel.pk, timezone.now())[1]


async def call(
    nginx: AsyncClient,
    kind: str,
    key: str,
    client_id: str = CLIENT,
    secret: str = site.RTMP_HOOK_SECRET,
    addr: str = "192.0.2.7",
    more: str = "",
    **headers: str,
) -> Response:
    """As nginx-rtmp sends it: the publisher's own arguments come last, unescaped."""
    fields = {"app": "live", "flashver": "FMLE/3.0", "tcurl": "rtmp://127.0.0.1/live", "addr": addr}
    body = urlencode(fields | {"clientid": client_id, "call": kind, "name": key}) + more
    path = f"/internal/rtmp/{secret}/{BOOT}/"
    return await nginx.post(path, content=body, headers=FORM | headers)


async def ask(question: Callable[..., T], *args: Any) -> T:
    """In a thread of its own: the hook's may be taken until it answers."""

    def run() -> T:
        try:
            return question(*args)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


async def the_broadcast() -> Broadcast:
    return await ask(Broadcast.objects.get)


async def opened() -> Broadcast:
    """The broadcast that a hook is opening."""
    async with asyncio.timeout(2):
        while (broadcast := await ask(Broadcast.objects.filter(state="publishing").first)) is None:
            await asyncio.sleep(0.01)
    return broadcast


def reasons(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["reason"]


async def encoders_come(rtmp_server: RtmpServer, readers: int = 5) -> Broadcast:
    broadcast = await opened()
    rtmp_server.streams = {broadcast.ingest_name: Stream(None, readers)}
    return broadcast


# --- a publisher comes ----------------------------------------------------------------------------------------------------


async def test_a_publisher_is_let_in_under_another_name_when_all_encoders_read(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    broadcast = await opened()
    rtmp_server.streams = {broadcast.ingest_name: Stream(None, 4)}
    await asyncio.wait([asking], timeout=0.1)
    assert not asking.done()
    rtmp_server.streams = {broadcast.ingest_name: Stream(None, 5)}
    answer = await asking
    assert (answer.status_code, answer.headers["Location"], answer.json()) == (302, broadcast.ingest_name, {"code": 0})
    assert broadcast.session == f"{BOOT}:{CLIENT}" and broadcast.state == "publishing"
    assert key not in answer.headers["Location"]


async def test_a_slow_encoder_does_not_keep_the_publisher_out(nginx: AsyncClient, rtmp_server: RtmpServer, key: str) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server, readers=1)
    assert (await asking).status_code == 302


async def test_an_encoder_that_has_begun_but_does_not_read_yet_is_enough(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    broadcast = await opened()
    await ask(leases.claim, broadcast.id, "source", "one")
    assert (await asking).status_code == 302


async def test_without_an_encoder_the_publisher_is_refused_and_nothing_stays_open(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, channel: Channel
) -> None:
    assert reasons(await call(nginx, "publish", key)) == (403, "no_encoder")
    broadcast = await the_broadcast()
    assert (broadcast.state, broadcast.end_reason) == ("failed", "no_encoder")
    assert (await ask(Refusal.objects.get)).reason == "no_encoder"
    for rendition in broadcast.ladder:  # the jobs that come late find nothing to do
        with pytest.raises(leases.LeaseHeld):
            await ask(leases.claim, broadcast.id, rendition, "late")
    asking = asyncio.create_task(call(nginx, "publish", key, "8"))
    await encoders_come(rtmp_server)
    assert (await asking).status_code == 302


async def test_statistics_that_fail_for_a_moment_are_asked_again(nginx: AsyncClient, rtmp_server: RtmpServer, key: str) -> None:
    rtmp_server.working = False
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    rtmp_server.working = True
    assert (await asking).status_code == 302


async def test_a_publisher_that_left_while_it_waited_is_not_let_in(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    broadcast = await opened()
    assert (await call(nginx, "publish_done", key)).status_code == 200
    rtmp_server.streams = {broadcast.ingest_name: Stream(None, 5)}
    assert reasons(await asking) == (403, "stopped")
    assert (await the_broadcast()).state == "ended"


async def test_nothing_is_held_in_the_database_while_the_publisher_waits(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    await opened()
    jobs = await ask(lambda: [job.args["rendition"] for job in ProcrastinateJob.objects.order_by("id")])
    assert jobs == ["source", "audio", "360p", "480p", "720p"]  # they are committed
    await encoders_come(rtmp_server)
    await asking


# --- a publisher is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("live_0_unknown", "unknown_key"),
        ("", "malformed_name"),
        ("no spaces", "malformed_name"),
        ("a" * 129, "malformed_name"),
        ("../../etc", "malformed_name"),
        ("\N{SNOWMAN}", "malformed_name"),
    ],
)
async def test_a_name_that_is_no_key_is_refused(nginx: AsyncClient, rtmp_server: RtmpServer, name: str, reason: str) -> None:
    assert reasons(await call(nginx, "publish", name)) == (403, reason)
    assert not await ask(Broadcast.objects.exists) and rtmp_server.looks == 0


async def test_a_revoked_key_is_refused_and_the_channel_told(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, channel: Channel
) -> None:
    StreamKey.objects.get(channel_id=channel.pk).revoke(timezone.now())
    assert reasons(await call(nginx, "publish", key)) == (403, "revoked_key")
    assert (await ask(Refusal.objects.get)).addr == "192.0.2.7"


async def test_a_publisher_that_speaks_for_the_server_is_refused(nginx: AsyncClient, rtmp_server: RtmpServer, key: str) -> None:
    for more in ("&name=evil", "&clientid=99", "&addr=6.6.6.6", "&call=publish_done"):
        assert reasons(await call(nginx, "publish", key, more=more)) == (403, "malformed_name")
    assert reasons(await call(nginx, "publish", "evil", more=f"&name={key}")) == (403, "malformed_name")
    assert not await ask(Broadcast.objects.exists)


async def test_a_publisher_cannot_end_what_another_streams(nginx: AsyncClient, rtmp_server: RtmpServer, key: str) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    await asking
    await call(nginx, "publish_done", "mallory", "66", more=f"&clientid={CLIENT}&name={key}")
    assert (await the_broadcast()).is_open


async def test_neither_logs_nor_answers_name_the_key(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    answers = [await call(nginx, kind, key) for kind in ("publish", "publish_done")]
    answers += [await call(nginx, "publish", f"{key}x"), await call(nginx, "publish", key, more="&=%zz")]
    assert not any(key in text for text in [caplog.text, *[answer.text for answer in answers]])


# --- a publisher leaves ---------------------------------------------------------------------------------------------------


async def test_a_publisher_that_leaves_ends_its_broadcast(nginx: AsyncClient, rtmp_server: RtmpServer, key: str) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    await asking
    answer = await call(nginx, "publish_done", key)
    assert (answer.status_code, answer.json()) == (200, {"code": 0})
    broadcast = await the_broadcast()
    assert (broadcast.state, broadcast.end_reason) == ("ended", "stopped")


async def test_the_loser_of_two_publishers_changes_nothing_by_leaving(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key, "7"))
    await encoders_come(rtmp_server)
    assert (await asking).status_code == 302
    assert reasons(await call(nginx, "publish", key, "8")) == (403, "already_live")
    assert (await call(nginx, "publish_done", key, "8")).status_code == 200
    assert (await the_broadcast()).is_open


async def test_a_silent_publisher_makes_room_for_another(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "SILENT_S", 0)
    monkeypatch.setattr(silence, "LOOK_S", 0.01)
    asking = asyncio.create_task(call(nginx, "publish", key, "7"))
    first = await encoders_come(rtmp_server)
    await asking
    rtmp_server.streams = {first.ingest_name: Stream("7", 5, "H264", "AAC", 100)}
    asking = asyncio.create_task(call(nginx, "publish", key, "8"))
    async with asyncio.timeout(2):
        while (second := await the_broadcast()).epoch == 1:
            await asyncio.sleep(0.01)
    rtmp_server.streams |= {second.ingest_name: Stream(None, 5)}
    answer = await asking
    assert (answer.status_code, answer.headers["Location"]) == (302, second.ingest_name)
    assert second.pk == first.pk and rtmp_server.dropped == [first.ingest_name]
    await call(nginx, "publish_done", key, "7")
    assert (await the_broadcast()).session == f"{BOOT}:8" and (await the_broadcast()).connected_at


async def test_who_comes_back_and_finds_no_encoder_is_waited_for(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, channel: Channel
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key, "7"))
    broadcast = await encoders_come(rtmp_server)
    await asking
    await ask(lambda: Channel.objects.update(reconnect_s=90))
    assert await ask(broadcasts.go_live, broadcast.pk, timezone.now())
    await call(nginx, "publish_done", key, "7")
    assert reasons(await call(nginx, "publish", key, "8")) == (403, "no_encoder")
    broadcast = await the_broadcast()
    assert broadcast.state == "reconnecting" and broadcast.is_waiting
    assert (await ask(Refusal.objects.get)).reason == "no_encoder"


# --- somebody else calls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["wrong", "%F0%9F%98%80", "\N{SNOWMAN}"])
async def test_whoever_does_not_know_the_secret_finds_nothing(nginx: AsyncClient, key: str, secret: str) -> None:
    assert (await call(nginx, "publish", key, secret=secret)).status_code == 404
    assert not await ask(Broadcast.objects.exists)


async def test_what_came_through_the_edge_finds_nothing(nginx: AsyncClient, key: str) -> None:
    assert (await call(nginx, "publish", key, **{"X-Edge": "1"})).status_code == 404
    assert not await ask(Broadcast.objects.exists)


async def test_the_hook_is_only_posted_to(nginx: AsyncClient) -> None:
    assert (await nginx.get(f"/internal/rtmp/{site.RTMP_HOOK_SECRET}/{BOOT}/")).status_code == 405


async def test_a_body_that_the_rtmp_server_would_not_send_is_refused(nginx: AsyncClient, rtmp_server: RtmpServer) -> None:
    path = f"/internal/rtmp/{site.RTMP_HOOK_SECRET}/{BOOT}/"
    for body in (b"", b"call=play&app=live&name=x", b"\xff\xfe", b"x" * 20_000):
        answer = await nginx.post(path, content=body, headers=FORM)
        assert reasons(answer) == (403, "bad_event")


async def test_without_stores_the_publisher_is_refused(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, settings: Settings
) -> None:
    settings.SEGMENTS_REDIS_URL = "redis://127.0.0.1:1/0"
    assert reasons(await call(nginx, "publish", key)) == (403, "unavailable")
    assert not await ask(Broadcast.objects.exists)


async def test_while_a_store_is_away_an_end_is_refused_and_seen_later(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    await asking

    def away(session: str, now: dt.datetime) -> bool:
        raise OperationalError

    with monkeypatch.context() as patch:
        patch.setattr(broadcasts, "publisher_left", away)
        assert reasons(await call(nginx, "publish_done", key)) == (403, "unavailable")
    assert (await the_broadcast()).is_open


# --- who guesses ----------------------------------------------------------------------------------------------------------


async def test_who_would_have_his_turn_too_late_is_told_to_come_again(
    nginx: AsyncClient, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_turns", Turns(0, patience_s=0.05))
    assert reasons(await call(nginx, "publish", key)) == (403, "unavailable")
    assert not await ask(Broadcast.objects.exists)


async def test_nobody_comes_in_for_a_server_that_has_hung_up(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(1, patience_s=5)
    monkeypatch.setattr(webhooks, "_turns", turns)
    body = urlencode({"app": "live", "addr": "192.0.2.7", "clientid": CLIENT, "call": "publish", "name": key}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    scope = {"path": f"/internal/rtmp/{site.RTMP_HOOK_SECRET}/{BOOT}/", "method": "POST", "headers": []}
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async with turns.turn():
        await webhooks.hook(scope, receive, send)
    assert sent[0]["status"] == 403 and b"stopped" in sent[1]["body"]
    assert not await ask(Broadcast.objects.exists)
    async with turns.turn():
        pass


async def test_publishers_who_wait_for_their_encoders_hold_no_threads(
    nginx: AsyncClient, rtmp_server: RtmpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held() -> int:
        return sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate())

    before, seen, has_encoder = held(), [], publishing._has_encoder

    def noted(broadcast: Broadcast) -> bool:
        seen.append(held())
        return has_encoder(broadcast)

    monkeypatch.setattr(publishing, "_has_encoder", noted)
    keys = [await ask(lambda: StreamKey.issue(own_channel().pk, timezone.now())[1]) for _ in range(12)]
    answers = await asyncio.gather(*(call(nginx, "publish", key, str(number)) for number, key in enumerate(keys)))
    assert [reasons(answer)[1] for answer in answers] == ["no_encoder"] * len(keys)
    assert seen and max(seen) <= before + 1


async def test_an_address_that_tries_ten_unknown_keys_is_no_longer_looked_up(
    nginx: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    open_ = admission.open

    def noted(event: PublishEvent, now: dt.datetime, silent: str | None = None) -> Broadcast:
        looked_up.append(event.key)
        return open_(event, now, silent)

    monkeypatch.setattr(admission, "open", noted)
    answers = [await call(nginx, "publish", f"live_{number}") for number in range(30)]
    assert [reasons(answer) for answer in answers] == [(403, "unknown_key")] * 10 + [(403, "blocked")] * 20
    assert len(looked_up) == 10


async def test_guesses_that_come_at_once_are_counted_as_well(nginx: AsyncClient) -> None:
    answers = await asyncio.gather(*(call(nginx, "publish", f"live_{number}", str(number)) for number in range(40)))
    assert [reasons(answer)[1] for answer in answers].count("unknown_key") == 10


async def test_a_blocked_address_costs_no_look_into_a_store(nginx: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, allows = [], limits.Limit.allows

    def noted(limit: limits.Limit, who: str) -> bool:
        asked.append(who)
        return allows(limit, who)

    monkeypatch.setattr(limits.Limit, "allows", noted)
    for number in range(20):
        await call(nginx, "publish", f"live_{number}", str(number))
        await call(nginx, "publish_done", f"live_{number}", str(number))
    assert len(asked) == 11


async def test_who_was_on_air_before_their_address_was_blocked_goes_on_and_leaves(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    assert (await asking).status_code == 302
    for number in range(20):
        await call(nginx, "publish", f"live_{number}", str(100 + number))
    assert (await the_broadcast()).is_open
    await call(nginx, "publish_done", key)
    assert not (await the_broadcast()).is_open


async def test_what_ends_tls_before_the_rtmp_server_is_closed_to_nobody(nginx: AsyncClient) -> None:
    answers = [await call(nginx, "publish", f"live_{number}", addr="127.0.0.1") for number in range(12)]
    assert {reasons(answer) for answer in answers} == {(403, "unknown_key")}


async def test_a_publisher_s_own_mistake_keeps_others_out_of_nothing(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str
) -> None:
    for number in range(9):
        await call(nginx, "publish", f"live_{number}")
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    assert (await asking).status_code == 302


async def test_publishers_come_in_while_nothing_can_be_counted(
    nginx: AsyncClient, rtmp_server: RtmpServer, key: str, settings: Settings
) -> None:
    settings.CONTROL_REDIS_URL = "redis://127.0.0.1:1/0"
    asking = asyncio.create_task(call(nginx, "publish", key))
    await encoders_come(rtmp_server)
    assert (await asking).status_code == 302
