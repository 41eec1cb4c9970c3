"""What streams count for Prometheus. Labels have few values: never a broadcast, a channel or a user."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

PART_S = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

part_latency = Histogram(
    "livestream_part_latency_seconds", "From the end of a part, as the segment clock has it, until it is stored", ["rendition"],
    buckets=PART_S,
)  # fmt: skip
media = Counter("livestream_encoded_media_seconds", "Its rate is an encode's speed: 1 keeps up", ["rendition"])
encodes = Gauge("livestream_encodes", "Running encode jobs", ["rendition"], multiprocess_mode="livesum")
encodes_ended = Counter("livestream_encodes_ended", "Encode jobs that ended, and how", ["rendition", "outcome"])
sheds = Counter("livestream_sheds", "Transcodes that were stopped because encoders were late", ["rendition"])
returns = Counter("livestream_shed_returns", "Transcodes that came back after that", ["rendition"])
stale_writes = Counter("livestream_stale_writes_refused", "Writes of encode jobs that had been replaced", ["rendition"])
waiting = Gauge("livestream_requests_waiting", "Requests held until there is something new", multiprocess_mode="livesum")
turned_away = Counter("livestream_requests_turned_away", "Requests that were not held because too many are", ["limit"])
hooks = Counter("livestream_rtmp_hooks", "What the RTMP server asked or told", ["call", "outcome"])


def serve(listen: str) -> None:
    """For a process that has no pages of its own; in a thread."""
    host, _, port = listen.rpartition(":")
    start_http_server(int(port), addr=host)
