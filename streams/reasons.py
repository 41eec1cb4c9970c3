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
    "already_live": Reason("already live", "Another encoder is live with your channel. Stop it first."),
    "no_encoder": Reason("no encoder free", "The site encodes as many streams as it can. Try again in a minute."),
    "unavailable": Reason("the site is unavailable", "A database did not answer. Try again in a minute."),
    # a broadcast ended
    "stopped": Reason("stopped", "The encoder stopped the stream."),
    "lost": Reason("connection lost", "The connection broke off. Check your network, then start streaming again."),
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
    "no_audio": Reason("no audio", "The stream has no sound. Add an audio source if you want some."),
}
