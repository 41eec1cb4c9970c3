"""What a streamer should know of what is being sent: codes of `streams.reasons`, with a number where one helps ("drift:420").

Every threshold is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from streams.ladder import LONGEST_LISTED_GOP_S

LONGEST_GOP_S = 2.5  # viewers start at a keyframe
COSTLY_REORDER_MS = 50  # one frame is nothing
# kbit/s that fit a picture whose shorter side is so many pixels, at 30 frames per second
FITTING_KBIT_S = ((360, 800), (480, 1400), (720, 2800), (1080, 5000), (1440, 9000), (2160, 18_000))
TOO_LITTLE, TOO_MUCH = 0.5, 3.0  # times that
FAST_FPS, FAST_FACTOR = 40, 1.5  # more frames need more
USUAL_FPS = (24, 25, 30, 48, 50, 60)
FPS_SLACK = 0.03
LOST_FRAMES = 0.9  # of the frames that usually come, over the last seconds
LATE_MS = 700  # a second of the picture, after the one that came soonest
LATE_SECONDS = 2  # one alone is no news
LATE_SOUND_MS = 400
BEHIND_S = 3.0  # an encoder, after the source
STALE_MS = 3000  # no sound has come for so long
SECONDS = 10  # that are looked at
FEWEST_SECONDS = 4  # before anything is said of them

Figures = Mapping[str, Mapping[str, Any]]
Second = Mapping[str, Any]


def of(figures: Figures, seconds: Sequence[Second]) -> list[str]:
    """FIGURES: what the jobs measured since the start; SECONDS: the last of the source's."""
    source = figures.get("source", {})
    if "unsupported" in source:
        return ["codec"]
    if not source:  # without a picture there is another reason to complain
        return []
    found = [keyframes(source), b_frames(source), bit_rate(source), frame_rate(source)]
    found += ["no_audio"] if is_silent(figures, seconds) else []
    if len(seconds) >= FEWEST_SECONDS:
        found += [unstable(seconds) or lost_frames(source, seconds), drift(seconds), slow_encoder(seconds)]
    return [code for code in found if code]


def keyframes(source: Mapping[str, Any]) -> str:
    gop_s = source.get("gop_s", 0)
    if gop_s > LONGEST_LISTED_GOP_S:
        return "long_gop"
    return f"slow_gop:{gop_s:.3g}" if gop_s > LONGEST_GOP_S else ""


def b_frames(source: Mapping[str, Any]) -> str:
    reorder_ms = source.get("reorder_ms", 0)
    return f"b_frames:{reorder_ms}" if reorder_ms > COSTLY_REORDER_MS else ""


def bit_rate(source: Mapping[str, Any]) -> str:
    kbit_s, fitting = source.get("kbit_s", 0), fitting_kbit_s(source)
    if not kbit_s or not fitting:
        return ""
    if kbit_s < TOO_LITTLE * fitting:
        return f"low_bitrate:{fitting}"
    return f"high_bitrate:{fitting}" if kbit_s > TOO_MUCH * fitting else ""


def fitting_kbit_s(source: Mapping[str, Any]) -> int:
    """For its size and rate; 0 where those are not known."""
    size = min(source.get("width", 0), source.get("height", 0))
    fits = [kbit_s for limit, kbit_s in FITTING_KBIT_S if limit <= size] or [FITTING_KBIT_S[0][1]]
    return round(fits[-1] * (FAST_FACTOR if source.get("fps", 0) > FAST_FPS else 1)) if size else 0


def frame_rate(source: Mapping[str, Any]) -> str:
    fps = source.get("fps", 0)
    usual = any(abs(fps - rate) <= FPS_SLACK * rate for rate in USUAL_FPS)
    return f"odd_fps:{fps:.3g}" if fps and not usual else ""


def is_silent(figures: Figures, seconds: Sequence[Second]) -> bool:
    """Whether no sound has come, or none comes any more."""
    if "audio" not in figures:
        return True
    heard_ms = figures["audio"].get("at_ms")
    return bool(seconds) and heard_ms is not None and seconds[-1]["at_ms"] - heard_ms > STALE_MS


def unstable(seconds: Sequence[Second]) -> str:
    """Where frames come later and later, or late now and then, few come in a second; but none is lost."""
    ahead_ms = sorted(each["ahead_ms"] for each in seconds if each["era"] == seconds[-1]["era"])
    late_ms = ahead_ms[-1] - ahead_ms[min(LATE_SECONDS, len(ahead_ms)) - 1]
    return f"unstable:{late_ms / 1000:.1f}" if late_ms > LATE_MS else ""


def lost_frames(source: Mapping[str, Any], seconds: Sequence[Second]) -> str:
    usual, now = source.get("fps", 0), sum(each["fps"] for each in seconds) / len(seconds)
    return f"lost_frames:{100 - round(100 * now / usual)}" if usual and now < LOST_FRAMES * usual else ""


def drift(seconds: Sequence[Second]) -> str:
    ms = middle(drift_ms(each) for each in seconds)
    return f"drift:{abs(round(ms))}" if ms is not None and abs(ms) > LATE_SOUND_MS else ""


def slow_encoder(seconds: Sequence[Second]) -> str:
    names = {name for each in seconds for name in each["ends"]}
    worst = max((middle(lag_s(each, name) for each in seconds) or 0 for name in names), default=0)
    return f"slow_encoder:{worst:.1f}" if worst > BEHIND_S else ""


def middle(figures: Iterable[float | None]) -> float | None:
    known = [each for each in figures if each is not None]
    return median(known) if known else None


def drift_ms(second: Second) -> int | None:
    """How far the sound's stamps are ahead of the picture's where both arrive; None while they cannot be compared."""
    audio = second.get("audio")
    if not audio or audio.get("era") != second.get("era") or second["at_ms"] - audio.get("at_ms", 0) > STALE_MS:
        return None
    ahead: int = audio["ahead_ms"] - second["ahead_ms"]
    return ahead


def lag_s(second: Second, rendition: str) -> float | None:
    """How far what a rendition's encoder has stored is behind what others have."""
    ends = second["ends"]
    if rendition not in ends:
        return None
    lag_ms: float = max(ends.values()) - ends[rendition]
    return lag_ms / 1000
