"""What chats count for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

deliveries = Counter("livestream_chat_deliveries", "Frames of messages handed to somebody's transport")
sessions = Gauge("livestream_chat_sessions", "Who is in a room, once for each", multiprocess_mode="livesum")
peers = Gauge("livestream_chat_peers", "WebRTC peers", multiprocess_mode="livesum")


class Tally:
    """A counter that processes share costs as much as handing over a frame: here it is one addition."""

    delivered = 0

    def publish(self) -> None:
        deliveries.inc(self.delivered)
        self.delivered = 0


tally = Tally()
