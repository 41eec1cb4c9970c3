"""What is taken from a browser's offer, and what the answer names: session descriptions are text from strangers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

LINES = 200
CANDIDATES = 10  # remote ones that are tried; a browser behind NAT is found by what it sends in any case
DATA_SECTION = re.compile(r"m=application \d{1,5} (UDP|TCP)/DTLS/SCTP webrtc-datachannel")
NEEDED = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:", "a=mid:")
CANDIDATE = re.compile(r"candidate:[\w+/]{1,32} [12] (udp|UDP) \d{1,10} (\S{3,64}) (\d{1,5}) typ (host|srflx|prflx|relay)\b.*")


class BadOffer(Exception):
    """The reason is for the client."""


def clean_offer(sdp: str) -> str:
    """The offer, with usable candidates alone. Raises BadOffer."""
    lines = sdp.splitlines()
    if len(lines) > LINES and sum(not line.startswith("a=candidate:") for line in lines) > LINES:
        raise BadOffer("too_long")
    sections = [line for line in lines if line.startswith("m=")]
    if len(sections) != 1 or not DATA_SECTION.fullmatch(sections[0]):
        raise BadOffer("sections")
    if any(not any(line.startswith(name) for line in lines) for name in NEEDED):
        raise BadOffer("incomplete")
    # Without the list's end: aioice would give up on a browser none of whose candidates are left.
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    candidates = [line for line in lines if line.startswith("a=candidate:") and is_usable(line[2:])]
    return "".join(f"{line}\r\n" for line in [*kept, *candidates[:CANDIDATES]])


def is_usable(candidate: str) -> bool:
    """Whether it leads anywhere: not a name (asking for it takes a second), nor into somebody's own network."""
    found = CANDIDATE.fullmatch(candidate)
    if not found:
        return False
    return is_public(found[2]) and 1024 <= int(found[3]) < 65536


def is_public(text: str) -> bool:
    """Not a name, and not an address in somebody's own network."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast


def named_candidates(sdp: str, named: Sequence[str], own: Iterable[str], client: str) -> str:
    """The answer, with candidates at the NAMED addresses alone: those of this machine's OWN as they are; the others, which a
    NAT in front of it has, in place of each of its own. Where none is named, those that CLIENT's address has a use for."""
    if not named:
        return sdp if is_inside(client) else public_candidates(sdp)
    here = set(own)
    outside = [address for address in named if address not in here]
    lines: list[str] = []
    for line in sdp.splitlines():
        found = CANDIDATE.fullmatch(line[2:]) if line.startswith("a=candidate:") else None
        if found is None or found[2] in named:
            lines.append(line)
        else:
            lines += [line.replace(f" {found[2]} ", f" {address} ", 1) for address in outside if same_family(address, found[2])]
    return "".join(f"{line}\r\n" for line in lines)


def is_inside(client: str) -> bool:
    """It comes from this machine or a network of its own."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global


def public_candidates(sdp: str) -> str:
    """What the machine's own networks look like is nobody's business outside, unless there is nothing else to name."""
    lines = sdp.splitlines()
    offered = [line for line in lines if line.startswith("a=candidate:")]
    public = [line for line in offered if (found := CANDIDATE.fullmatch(line[2:])) and is_public(found[2])]
    dropped = set(offered) - set(public) if public else set()
    return "".join(f"{line}\r\n" for line in lines if line not in dropped)


def same_family(one: str, other: str) -> bool:
    return (":" in one) == (":" in other)
