import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions import sdp
from interactions.sdp import BadOffer

# As Chromium sends it straight after setLocalDescription().
OFFER = """\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=extmap-allow-mixed
a=msid-semantic: WMS
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:zZ1b
a=ice-pwd:Yx0Qm1iS9hHGcuwy9jPqg0gk
a=ice-options:trickle
a=fingerprint:sha-256 9A:3C:1B:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC
a=setup:actpass
a=mid:0
a=sctp-port:5000
a=max-message-size:262144
"""
HOST = "a=candidate:1 1 udp 2122260223 {} {} typ host generation 0"


def offer(*more: str) -> str:
    return OFFER + "".join(f"{line}\n" for line in more)


def test_a_browser_s_offer_is_taken_as_it_is() -> None:
    assert sdp.clean_offer(OFFER) == OFFER.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("address", "port", "usable"),
    [
        ("8.8.8.8", 50000, True),
        ("2600::1", 50000, True),
        ("5b3f0c1e-0000-4000-8000-000000000000.local", 50000, False),
        ("printer", 50000, False),
        ("127.0.0.1", 50000, False),
        ("10.0.0.8", 50000, False),
        ("192.168.1.1", 50000, False),
        ("169.254.169.254", 50000, False),
        ("100.64.0.1", 50000, False),
        ("::1", 50000, False),
        ("fe80::1", 50000, False),
        ("fd00::1", 50000, False),
        ("::ffff:10.0.0.1", 50000, False),
        ("224.0.0.1", 50000, False),
        ("8.8.8.8", 53, False),
        ("8.8.8.8", 70000, False),
    ],
)
def test_candidates_that_lead_nowhere_or_inside_are_dropped(address: str, port: int, usable: bool) -> None:
    line = HOST.format(address, port)
    assert sdp.is_usable(line[2:]) is usable
    assert (line in sdp.clean_offer(offer(line)).splitlines()) is usable


def test_the_list_of_candidates_has_no_end() -> None:
    assert sdp.clean_offer(offer("a=end-of-candidates")) == sdp.clean_offer(OFFER)


@pytest.mark.parametrize(
    "line", ["candidate:", "candidate:1 1 tcp 1 8.8.8.8 50000 typ host", "candidate:1 9 udp 1 8.8.8.8 1 typ x", ""]
)
def test_candidates_of_another_kind_are_dropped(line: str) -> None:
    assert not sdp.is_usable(line)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "sections"),
        ("v=0", "sections"),
        (OFFER.replace("m=application", "m=audio"), "sections"),
        (OFFER + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n", "sections"),
        (OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\n" * 500, "too_long"),
        (OFFER + "m=video 9 UDP/TLS/RTP/SAVPF 96\n" * 50, "sections"),
        (OFFER.replace("a=fingerprint", "a=fingertip"), "incomplete"),
        (OFFER.replace("a=ice-pwd:", "a=ice-pw:"), "incomplete"),
        (OFFER + "a=x\n" * 300, "too_long"),
    ],
)
def test_an_offer_of_anything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadOffer, match=reason):
        sdp.clean_offer(text)


def test_of_many_candidates_a_few_are_kept() -> None:
    found = sdp.clean_offer(offer(*[HOST.format(f"8.8.{n // 250}.{n % 250}", 50000) for n in range(10_000)]))
    assert found.count("a=candidate:") == sdp.CANDIDATES


@given(st.text() | st.lists(st.sampled_from([*OFFER.splitlines(), "m=application 9", "a=candidate:1"])).map("\n".join))
def test_whatever_comes_it_is_an_offer_or_refused(text: str) -> None:
    try:
        found = sdp.clean_offer(text)
    except BadOffer:
        return
    assert found.count("\r\nm=") + found.startswith("m=") == 1


ANSWER = "v=0\r\n" + "".join(f"{HOST.format(address, 40000)}\r\n" for address in ("10.0.0.5", "172.17.0.1", "2600::5"))


def names(text: str) -> list[str]:
    return [line.split()[4] for line in text.splitlines() if line.startswith("a=candidate")]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ([], ["10.0.0.5", "172.17.0.1", "2600::5"]),
        (["10.0.0.5"], ["10.0.0.5"]),
        (["203.0.113.9"], ["203.0.113.9", "203.0.113.9"]),
        (["203.0.113.9", "2600::5"], ["203.0.113.9", "203.0.113.9", "2600::5"]),
    ],
)
def test_answers_name_the_addresses_that_the_operator_says(named: list[str], found: list[str]) -> None:
    own = ["10.0.0.5", "172.17.0.1", "2600::5"]
    assert names(sdp.named_candidates(ANSWER, named, own, "192.168.1.7")) == found


@pytest.mark.parametrize(
    ("client", "found"),
    [
        ("203.0.114.7", ["2600::5"]),
        ("2a00::1", ["2600::5"]),
        ("::ffff:8.8.8.8", ["2600::5"]),
        ("", ["2600::5"]),
        ("192.168.1.7", ["10.0.0.5", "172.17.0.1", "2600::5"]),
        ("127.0.0.1", ["10.0.0.5", "172.17.0.1", "2600::5"]),
        ("::ffff:10.0.0.9", ["10.0.0.5", "172.17.0.1", "2600::5"]),
        ("fd00::7", ["10.0.0.5", "172.17.0.1", "2600::5"]),
        ("100.64.3.4", ["10.0.0.5", "172.17.0.1", "2600::5"]),
    ],
)
def test_private_addresses_are_named_to_whoever_comes_from_one(client: str, found: list[str]) -> None:
    assert names(sdp.named_candidates(ANSWER, [], [], client)) == found


def test_private_addresses_are_named_where_there_are_no_others() -> None:
    inside = "".join(line for line in ANSWER.splitlines(keepends=True) if "2600::5" not in line)
    assert sdp.named_candidates(inside, [], [], "203.0.114.7") == inside
