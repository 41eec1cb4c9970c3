from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tests.faults.quality import SEND_AHEAD, Packets, Quality, Stream

SIZE, BIT_S = 1000, 80_000  # ten packets a second
POOR = Quality(loss=0.05, delay_s=0.3, jitter_s=0.1, bit_s=BIT_S)
LATE = Quality(loss=0, delay_s=0.3, jitter_s=0.1, bit_s=BIT_S)
STEADY = Quality(loss=0.05, delay_s=0.3, jitter_s=0, bit_s=BIT_S)
SLOW = Quality(loss=0, delay_s=0, jitter_s=0, bit_s=BIT_S)


def taken(quality: Quality, sent: list[float]) -> list[float]:
    """When packets that are sent then arrive."""
    stream = Stream(quality, random.Random(12))
    for at in sent:
        stream.take(bytes(SIZE), at)
    return [at for at, _ in stream.waiting]


def test_what_is_sent_at_once_arrives_at_the_lines_rate() -> None:
    assert taken(SLOW, [5] * 30) == pytest.approx([5 + (number + 1) / 10 for number in range(30)])


def test_what_is_lost_takes_the_rate_a_second_time() -> None:
    sent = 2000
    assert taken(POOR, [0] * sent)[-1] == pytest.approx(1.05 * sent / 10, rel=0.02)


def test_packets_are_late_by_the_delay_and_the_jitter() -> None:
    packets = Packets(LATE, random.Random(12))
    late = [packets.arrives_at(SIZE, now) - now - 0.1 for now in range(1000)]
    assert min(late) == pytest.approx(0.2, abs=0.01) and max(late) == pytest.approx(0.4, abs=0.01)
    assert sum(late) / 1000 == pytest.approx(0.3, abs=0.01)


def test_packets_overtake_each_other_and_a_streams_do_not() -> None:
    packets = Packets(LATE, random.Random(12))
    arrivals = [packets.arrives_at(1, 0) for _ in range(100)]
    assert arrivals != sorted(arrivals)
    stream = Stream(LATE, random.Random(12))
    for number in range(100):
        stream.take(bytes([number]), 0)
    due = [at for at, _ in stream.waiting]
    assert due == sorted(due) and due[-1] > 0.3
    assert b"".join(stream.arrived(due[50])) + b"".join(stream.arrived(due[-1])) == bytes(range(100))


def test_a_lost_packet_comes_a_timeout_later() -> None:
    sent = [float(now) for now in range(0, 4000, 2)]
    late = [arrived - at for arrived, at in zip(taken(STEADY, sent), sent, strict=True)]
    lost = [each for each in late if each > 0.41]
    assert lost == pytest.approx([0.1 + 0.1 + 0.3 + STEADY.timeout_s] * len(lost))
    assert len(lost) / len(sent) == pytest.approx(0.05, abs=0.015)


def test_what_is_behind_a_lost_packet_waits_for_it() -> None:
    quiet = Quality(loss=0.05, delay_s=0.3, jitter_s=0, bit_s=BIT_S * 100)
    arrivals = taken(quiet, [number / 10 for number in range(200)])
    gaps = [later - earlier for earlier, later in pairwise(arrivals)]
    assert max(gaps) >= quiet.timeout_s and gaps.count(0) >= 2


def test_a_timeout_is_the_round_trip_and_four_times_its_mean_deviation() -> None:
    assert POOR.timeout_s == pytest.approx(0.5)


def test_a_stream_that_is_full_or_over_takes_no_more() -> None:
    stream = Stream(SLOW, random.Random(12))
    for _ in range(SEND_AHEAD):
        assert not stream.is_full
        stream.take(bytes(SIZE), 0)
    assert stream.is_full
    assert list(stream.arrived(0.1)) == [bytes(SIZE)] and not stream.is_full
    stream.take(b"", 0)
    assert stream.is_full and list(stream.arrived(10))[-1] == b""


def test_a_stream_says_when_the_next_packet_arrives() -> None:
    stream = Stream(SLOW, random.Random(12))
    assert stream.due_s(0, at_most_s=0.2) == 0.2
    stream.take(bytes(SIZE), 0)
    assert stream.due_s(0, at_most_s=0.2) == pytest.approx(0.1) and stream.due_s(5, at_most_s=0.2) == 0
