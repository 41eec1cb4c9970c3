"""Argument lists for ffmpeg: one process, one rendition, fragments of one frame on standard output."""

from __future__ import annotations

from typing import Any

import ffmpeg

from streams.hls.stamps import TURN_MS
from streams.ladder import AUDIO_KBIT_S, CLOSEST_FRAMES_S, Profile, Rung, longest_gop

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
# long group of pictures must wait for its end, and one that listens for sound must read on, however much picture there is.
FRESH: dict[str, Any] = {"analyzeduration": 500_000}
LATE: dict[str, Any] = {"analyzeduration": 15_000_000}
LISTENING: dict[str, Any] = {"analyzeduration": 15_000_000, "probesize": 50_000_000}

# A copy goes on when the picture's size changes, as if nothing was.
HASHES: dict[str, Any] = {
    "format": "framehash",
    "hash": "crc32",
    "c:v": "copy",
    "bsf:v": "noise=drop=not(key)",
    "flush_packets": 1,
}

ENCODED_AUDIO: dict[str, Any] = {"c:a": "aac", "b:a": f"{AUDIO_KBIT_S}k", "ar": 48_000, "ac": 2}

TURN_S = TURN_MS / 1000
RTMP_TURN_S = 2**32 / 1000
BACK_S = 3  # less is the rounding or the bad clock of a publisher, and not lifted

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
    """On standard error, besides, a hash of each keyframe's decoder configuration."""
    video = _reader(url, FRESH if fresh else LATE)["v:0"]
    stamp = _lifted("DTS", "PREV_OUTDTS", "1000")
    codec = {"c:v": "copy", "bsf:v": f"setts=dts='{stamp}':pts='PTS-DTS+{stamp}'", "video_track_timescale": 1000}
    return _compile(binary, video, codec, ffmpeg.output(video, "pipe:2", **HASHES))


def audio(binary: str, url: str, encode: bool) -> list[str]:
    """Sound that has to be encoded has been seen by then; sound that can be copied may still be on its way."""
    if encode:
        sound = _reader(url, FRESH)["a:0"].filter("asetpts", _lifted("PTS", "PREV_OUTPTS", "(1/TB)"))
        return _compile(binary, sound, ENCODED_AUDIO)
    # newer ffmpegs count milliseconds here: then no stamp is within reach of being changed
    stamp = _lifted("TS", "PREV_OUTDTS", "SR", within_s=RTMP_TURN_S)
    return _compile(binary, _reader(url, LISTENING)["a:0"], {"c:a": "copy", "bsf:a": f"setts=ts='{stamp}'"})


def silence(binary: str, rate: int, channels: int) -> list[str]:
    """A moment of it, with its init section."""
    nothing = ffmpeg.input("anullsrc=channel_layout=mono", format="lavfi", t=0.5)
    return _compile(binary, nothing["a:0"], ENCODED_AUDIO | {"ar": rate, "ac": channels})


def transcode(binary: str, url: str, fresh: bool, rung: Rung, profile: Profile | None, preset: str) -> list[str]:
    """Keyframes where the source has them, and some more counted from there: jobs started apart stay aligned."""
    video = (
        _reader(url, FRESH if fresh else LATE)["v:0"]
        .filter("setpts", _lifted("PTS", "PREV_OUTPTS", "(1/TB)"))
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
            "g": longest_gop(profile),
            "keyint_min": 1,
            "sc_threshold": 0,
        },
    )


def _side(mine: str, other: str, size: int) -> str:
    """The shorter side at most `size`, and even; the longer one follows."""
    return f"if(lte({mine},{other}),trunc(min({size},{mine})/2)*2,-2)"


def _lifted(stamp: str, before: str, second: str, within_s: float = TURN_S) -> str:
    """A stamp within its turn, and as many turns as it takes to be no earlier than the one before."""
    within, turn = f"mod({stamp},{within_s}*{second})", f"({TURN_S}*{second})"
    missing = f"max(0,ceil(({before}-{BACK_S}*{second}-{within})/{turn}))"
    return f"{within}+if(isnan({before}),0,{turn}*{missing})"


def _reader(url: str, patience: dict[str, Any]) -> Any:
    return ffmpeg.input(url, **READER | patience)


def _compile(binary: str, stream: Any, codec: dict[str, Any], *others: Any) -> list[str]:
    outputs = ffmpeg.merge_outputs(ffmpeg.output(stream, "pipe:1", **MUXER, **codec), *others)
    return ffmpeg.compile(outputs.global_args("-nostdin", "-hide_banner", "-loglevel", "warning"), cmd=binary)
