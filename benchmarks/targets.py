"""What is aimed at, and where it is found in the measured figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Found = dict[str, Any]


@dataclass(frozen=True)
class Target:
    figure: str
    what: str
    unit: str
    limit: float
    read: Callable[[Found], float | None]  # None where this was not measured
    at_least: bool = False

    def aim(self) -> str:
        sign = "≥ " if self.at_least else "≤ "
        return f"{sign if self.limit else ''}{number(self.limit)}{self.unit}"

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def number(value: float) -> str:
    """As short as three figures allow."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def at(*path: str) -> Callable[[Found], float | None]:
    return lambda found: walk(found, path)


def walk(value: Any, path: Sequence[str]) -> float | None:
    """None where the way ends early."""
    for step in path:
        value = None if value is None else value[step]
    return None if value is None else float(value)


AS_CHOSEN = 0.95  # of the frames: a player that could not keep the rendition has measured another one


def glass(preset: str, rendition: str, *path: str) -> Callable[[Found], float | None]:
    def read(found: Found) -> float | None:
        runs = [run for run in found["runs"] if (run["preset"], run["rendition"]) == (preset, rendition)]
        return walk(next((run for run in runs if run["as_chosen_share"] >= AS_CHOSEN), None), path)

    return read


def level(found: Found, viewers: int) -> Found | None:
    return next((each for each in found["levels"] if each["viewers"] == viewers), None)


def at_level(viewers: int, *path: str) -> Callable[[Found], float | None]:
    return lambda found: walk(level(found, viewers), path)


def origin_growth(found: Found) -> float | None:
    one, many = level(found, 1), level(found, 1000)
    return round(many["origin_requests_per_part"] / one["origin_requests_per_part"], 2) if one and many else None


def per_broadcast(name: str) -> Callable[[Found], float]:
    """What each of four broadcasts costs, over what a single one does."""

    def read(found: Found) -> float:
        first, last = found["levels"][1], found["levels"][-1]
        return round(float(last[name] / first[name]), 2)

    return read


def chat(peers: bool, *path: str) -> Callable[[Found], float | None]:
    """Of the rounds with the most listeners, with or without WebRTC: the worst."""

    def read(found: Found) -> float | None:
        levels = [each for each in found["levels"] if bool(each["peers"]) == peers]
        values = [value for each in levels if (value := walk(each, path)) is not None]
        return max(values, default=None)

    return read


def processes_growth(found: Found) -> float | None:
    levels = {each["processes"]: each["busy_us_per_frame"] for each in found["processes"]}
    return round(levels[4] / levels[1], 2)


TARGETS = [
    Target("glass", "Glass to glass, 360p transcode: p50", " ms", 1450, glass("low", "360p", "glass_ms", "p50")),
    Target("glass", "Glass to glass, 360p transcode: p95", " ms", 1700, glass("low", "360p", "glass_ms", "p95")),
    Target("glass", "Stalls in that minute", "", 0, glass("low", "360p", "stalls")),
    Target("glass", "Glass to glass, preset ultra: p50", " ms", 1200, glass("ultra", "360p", "glass_ms", "p50")),
    Target("start", "Publisher's start → first frame: p50", " ms", 1900, at("publish_to_first_frame_ms", "p50")),
    Target("start", "Page opened → first frame: p50", " ms", 1000, at("open_to_first_frame_ms", "p50")),
    Target("start", "Off the player's target 2 s later: p95", " ms", 100, at("off_after_2s_ms", "p95")),
    Target("viewers", "Origin requests per part, 1,000 viewers over 1", "", 1.1, origin_growth),
    Target("viewers", "Viewers per core of edge, origin and Redis, at 400", "", 1100, at_level(400, "viewers_per_core"), True),
    Target("viewers", "Viewers per core, at 1,000", "", 1100, at_level(1000, "viewers_per_core"), True),
    Target("viewers", "Wait for a part's list at 400 viewers: p95", " ms", 100, at_level(400, "list_wait_ms", "p95")),
    Target("viewers", "Wait for the part itself at 400 viewers: p95", " ms", 100, at_level(400, "part_wait_ms", "p95")),
    Target("encode", "Encoder over bare ffmpeg, CPU", " ×", 1.05, at("over_bare")),
    Target("growth", "CPU per broadcast, four over one", " ×", 1.1, per_broadcast("cores_per_broadcast")),
    Target("growth", "Memory per broadcast, four over one", " ×", 1.1, per_broadcast("memory_mb_per_broadcast")),
    Target("chat", "A message to 1,000 listeners: p95", " ms", 250, chat(False, "wait_ms", "p95")),
    Target("chat", "The same with 200 of them on WebRTC: p95", " ms", 250, chat(True, "wait_ms", "p95")),
    Target("chat", "Messages lost", "", 0, chat(False, "lost")),
    Target("chat", "Messages lost, with WebRTC", "", 0, chat(True, "lost")),
    Target("chat", "Messages out of order or twice", "", 0, chat(False, "reordered")),
    Target("chat", "Chat's CPU per message and WebSocket", " µs", 15, chat(False, "chat_us_per_message")),
    Target("chat", "Chat's CPU per frame to a WebRTC peer", " µs", 110, at("webrtc_us_per_frame")),
    Target("chat", "Frames of reactions per second and listener", "", 4, at("reactions", "frames_per_s_and_listener")),
    Target("chat", "Upgrade to WebRTC in Chromium: p50", " ms", 300, at("chromium_upgrade_ms", "p50")),
    Target("chat", "Chat's CPU per frame, four processes over one", " ×", 1.1, processes_growth),
    Target("chat", "A message deleted → gone for the last of 16: max", " ms", 1000, at("enforcement", "deleted_ms", "max")),
    Target("chat", "Somebody banned → their socket closed: max", " ms", 5000, at("enforcement", "closed_ms", "max")),
    Target("chat", "A chat process killed → all are back", " s", 15, at("kill", "all_back_s")),
    Target("chat", "Messages that they lack then", "", 0, at("kill", "lost")),
    Target("directory", "A page of the directory, 10,000 channels: the worst p95", " ms", 100, at("worst_p95_ms")),
    Target("part", "ffmpeg's last frame → part at the edge, 360p: p95", " ms", 30, at("renditions", "360p", "p95")),
    Target("part", "ffmpeg's last frame → part at the edge, source: p95", " ms", 30, at("renditions", "source", "p95")),
    Target("part", "ffmpeg's last frame → part at the edge, audio: p95", " ms", 30, at("renditions", "audio", "p95")),
]
