"""Which renditions a broadcast has."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

SOURCE = "source"
AUDIO = "audio"
LONGEST_LISTED_GOP_S = 4.0  # with keyframes further apart, the source's own quality is not offered
ASSUMED_FPS = 30.0
CLOSEST_FRAMES_S = 0.030  # frames closer together than this are dropped
GOP_S = 2  # between keyframes of a transcode
GOP_SLACK_S = 1.0  # a publisher that drops frames, or was measured for a moment only, seems to send fewer


@dataclass(frozen=True, slots=True)
class Rung:
    """A transcode: its shorter side in pixels and its bit rate in kbit/s, audio apart."""

    name: str
    size: int
    kbit_s: int

    @property
    def peak_bit_s(self) -> int:
        """Of a segment: the encoder's buffer, of half a second, may be spent on one."""
        return round(self.kbit_s * 1000 * (1 + 0.5 / GOP_S))


RUNGS = (Rung("360p", 360, 800), Rung("480p", 480, 1400), Rung("720p", 720, 2800))
BY_NAME = {rung.name: rung for rung in RUNGS}
AUDIO_KBIT_S = 128
PRIORITY = {SOURCE: 3, AUDIO: 2, RUNGS[0].name: 1}  # where encoders are scarce; the others have 0


@dataclass(frozen=True, slots=True)
class Profile:
    """What a key's publisher last sent."""

    width: int
    height: int
    fps: float
    gop_s: float
    kbit_s: int

    @property
    def size(self) -> int:
        return min(self.width, self.height)

    @property
    def lists_source(self) -> bool:
        return 0 < self.gop_s <= LONGEST_LISTED_GOP_S


def kept_fps(fps: float) -> float:
    """What is left of a source's frame rate in a transcode: 60 becomes 30, 50 becomes 25."""
    return fps / ceil(fps * CLOSEST_FRAMES_S)


def longest_gop(profile: Profile | None) -> int:
    """Of a transcode, in frames.

    A listed source sets all keyframes: one of ours in between would begin a segment that it cannot begin.
    """
    fps = profile.fps if profile and profile.fps else ASSUMED_FPS
    seconds = profile.gop_s + GOP_SLACK_S if profile and profile.lists_source else GOP_S
    return round(seconds * kept_fps(fps))


def fits(rung: Rung, size: int) -> bool:
    """Nothing is scaled up; the lowest rung always runs."""
    return rung.size <= size or rung is RUNGS[0]


def ladder(profile: Profile | None, largest: int = RUNGS[-1].size) -> list[str]:
    """Names in order of priority. An unknown source may turn out to be of any size: then rungs above it withdraw."""
    size = largest if profile is None else min(largest, profile.size)
    return [SOURCE, AUDIO, *(rung.name for rung in RUNGS if fits(rung, size))]
