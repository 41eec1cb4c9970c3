"""Argument lists for ffmpeg: one process, one rendition, fragments of one frame on standard output."""

from __future__ import annotations

from typing import Any

import ffmpeg

from streams.ladder import ASSUMED_FPS, AUDIO_KBIT_S, CLOSEST_FRAMES_S, GOP_S, Profile, Rung, kept_fps

GOP_SLACK_S = 1.0  # a publisher that drops frames, or was measured for a moment only, seems to send fewer

# `nobuffer` would throw away what was read while probing (the first two seconds); `rtmp_live` does not wait for a buffer.
READER: dict[str, Any] = {
    "flags": "low_delay",
    "probesize": 1_000_000,
    "fpsprobesize": 0,
    "tcp_nodelay": 1,
    "copyts": None,
    "rtmp_live": "live",
}

# A reader that is there before the publisher need not wait for sound that may never come; one that joins in the middle of a
# long group of pictures must wait for its end.
FRESH_ANALYSIS_US = 500_000
LONG_ANALYSIS_US = 15_000_000

# All of it so that stamps stay the publisher's: with `cmaf`, an edit list, or stamps moved to zero, a copied stream with
# B-frames would lie beside its transcodes.
MUXER: dict[str, Any] = {
    "format": "mp4",
    "movflags": "+empty_moov+default_base_moof+frag_every_frame+frag_discont+skip_trailer",
    "use_editlist": 0,
    "avoid_negative_ts": "disabled",
    "flush_packets": 1,
}


def source(binary: str, url: str, fresh: bool) -> list[str]:
    return _compile(binary, _reader(url, fresh)["v:0"], {"c:v": "copy"})


def audio(binary: str, url: str, encode: bool) -> list[str]:
    codec = {"c:a": "aac", "b:a": f"{AUDIO_KBIT_S}k", "ac": 2} if encode else {"c:a": "copy"}
    # sound that has to be encoded has been seen by then; sound that can be copied may still be on its way
    return _compile(binary, _reader(url, fresh=encode)["a:0"], codec)


def transcode(binary: str, url: str, fresh: bool, rung: Rung, profile: Profile | None, preset: str) -> list[str]:
    """Keyframes where the source has them, and some more counted from there: jobs started apart stay aligned."""
    video = (
        _reader(url, fresh)["v:0"]
        # not the fps filter: it moves stamps and can drop the keyframe
        .filter("select", f"key+isnan(prev_selected_t)+gte(t-prev_selected_t,{CLOSEST_FRAMES_S:.3f})")
        .filter("scale", w=_side("iw", "ih", rung.size), h=_side("ih", "iw", rung.size))
        .filter("format", "yuv420p")
    )
    return _compile(
        binary,
        video,
        {
            "c:v": "libx264",
            "preset": preset,
            "tune": "zerolatency",
            "b:v": f"{rung.kbit_s}k",
            "maxrate": f"{rung.kbit_s}k",
            "bufsize": f"{rung.kbit_s // 2}k",
            "fps_mode": "passthrough",
            "enc_time_base": -1,
            "force_key_frames": "source",
            "forced-idr": 1,
            "g": _longest_gop(profile),
            "keyint_min": 1,
            "sc_threshold": 0,
        },
    )


def _longest_gop(profile: Profile | None) -> int:
    """In frames. A listed source sets all keyframes: one of ours in between would begin a segment that it cannot begin."""
    fps = profile.fps if profile and profile.fps else ASSUMED_FPS
    seconds = profile.gop_s + GOP_SLACK_S if profile and profile.lists_source else GOP_S
    return round(seconds * kept_fps(fps))


def _side(mine: str, other: str, size: int) -> str:
    """The shorter side at most `size`, and even; the longer one follows."""
    return f"if(lte({mine},{other}),trunc(min({size},{mine})/2)*2,-2)"


def _reader(url: str, fresh: bool) -> Any:
    return ffmpeg.input(url, **READER, analyzeduration=FRESH_ANALYSIS_US if fresh else LONG_ANALYSIS_US)


def _compile(binary: str, stream: Any, codec: dict[str, Any]) -> list[str]:
    output = ffmpeg.output(stream, "pipe:1", **MUXER, **codec).global_args("-nostdin", "-hide_banner", "-loglevel", "warning")
    return ffmpeg.compile(output, cmd=binary)
