"""Why a publish was refused, a broadcast ended, or could be better: code → words, each with what to do next."""

from typing import NamedTuple


class Reason(NamedTuple):
    short: str
    advice: str


REASONS = {
    # the publisher was refused
    "malformed_name": Reason("malformed stream key", "Copy the key again: it holds letters, digits, - and _ only."),
    "unknown_key": Reason("unknown stream key", "Copy the key again, or make a new one on the dashboard."),
    "revoked_key": Reason("revoked stream key", "This key was revoked. Make a new one and paste it into your encoder."),
    "expired_key": Reason("expired stream key", "This key has expired. Make a new one and paste it into your encoder."),
    "cut_key": Reason("ended by an administrator", "This key is refused for a minute. Talk to the site's administrator."),
    "held_key": Reason(
        "you ended the broadcast",
        "Most encoders reconnect by themselves, so yours is refused for a minute. Stop it there, too.",
    ),
    "suspended": Reason("the channel is suspended", "Nothing can be streamed until the suspension ends."),
    "already_live": Reason("already live", "Another encoder is live with your channel. Stop it first."),
    "no_encoder": Reason("no encoder free", "The site encodes as many streams as it can. Try again in a minute."),
    "unavailable": Reason("the site is unavailable", "A database did not answer. Try again in a minute."),
    # a broadcast ended
    "stopped": Reason("stopped", "The encoder stopped the stream."),
    "lost": Reason("connection lost", "The connection broke off. Check your network, then start streaming again."),
    "streamer": Reason("ended by you", "You ended it on the dashboard."),
    "admin": Reason("ended by an administrator", "An administrator ended this broadcast."),
    "no_media": Reason("no media arrived", "Your encoder connected but sent no picture. Check its source."),
    "no_video": Reason("no video", "The stream had sound only. Add a video source to your encoder's scene."),
    "codec": Reason("video is not H.264", "Choose H.264 (x264, NVENC H.264, …) as the video encoder."),
    "encoder_failed": Reason("the site's encoders failed", "This is the site's fault. Try again; tell its administrator."),
    # it works, but
    "long_gop": Reason(
        "keyframes far apart",
        "Your keyframes are more than 4 s apart, so viewers do not get the original quality. Set the keyframe interval to 2 s.",
    ),
    "slow_gop": Reason(
        "keyframes far apart", "Your keyframes are {n} s apart, so viewers wait longer at the start. Set the interval to 2 s."
    ),
    "b_frames": Reason(
        "B-frames", "Your encoder uses B-frames, which delay the picture by about {n} ms. Set them to 0 for the lowest latency."
    ),
    "low_bitrate": Reason(
        "low bit rate", "There are too few bits for a picture of this size. Send about {n} kbit/s, or a smaller picture."
    ),
    "high_bitrate": Reason(
        "high bit rate", "Viewers on poor connections cannot follow the original. About {n} kbit/s is enough for this size."
    ),
    "odd_fps": Reason("unusual frame rate", "You send {n} frames per second. Choose 30 or 60, which screens show evenly."),
    "no_audio": Reason("no audio", "The stream has no sound. Add an audio source if you want some."),
    "lost_frames": Reason(
        "frames are missing",
        "{n} % of your frames do not arrive. Your encoder or its network is too busy: lower the bit rate or the size.",
    ),
    "drift": Reason(
        "sound and picture are apart",
        "Sound and picture arrive {n} ms apart. Restart your encoder; if it stays so, check the audio source's delay.",
    ),
    "slow_encoder": Reason(
        "the site's encoders are slow",
        "A quality is {n} s behind. The site is too busy: tell its administrator if it stays so.",
    ),
}


def said(entry: str) -> Reason | None:
    """The words of CODE or CODE:NUMBER."""
    code, _, number = entry.partition(":")
    reason = REASONS.get(code)
    return reason and reason._replace(advice=str(reason.advice).replace("{n}", number))
