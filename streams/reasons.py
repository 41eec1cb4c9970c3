"""Why a publish was refused, a broadcast ended, or could be better: code → words, each with what to do next."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Reason(NamedTuple):
    short: str | Promise
    advice: str | Promise


REASONS = {
    # the publisher was refused
    "malformed_name": Reason(_("malformed stream key"), _("Copy the key again: it holds letters, digits, - and _ only.")),
    "unknown_key": Reason(_("unknown stream key"), _("Copy the key again, or make a new one on the dashboard.")),
    "revoked_key": Reason(_("revoked stream key"), _("This key was revoked. Make a new one and paste it into your encoder.")),
    "expired_key": Reason(_("expired stream key"), _("This key has expired. Make a new one and paste it into your encoder.")),
    "cut_key": Reason(_("ended by an administrator"), _("This key is refused for a minute. Talk to the site's administrator.")),
    "held_key": Reason(
        _("you ended the broadcast"),
        _("Most encoders reconnect by themselves, so yours is refused for a minute. Stop it there, too."),
    ),
    "suspended": Reason(_("the channel is suspended"), _("Nothing can be streamed until the suspension ends.")),
    "already_live": Reason(_("already live"), _("Another encoder is live with your channel. Stop it first.")),
    "no_encoder": Reason(_("no encoder free"), _("The site encodes as many streams as it can. Try again in a minute.")),
    "no_memory": Reason(_("no memory free"), _("The site shows as many streams as it has memory for. Try again in a minute.")),
    "unavailable": Reason(_("the site is unavailable"), _("A database did not answer. Try again in a minute.")),
    # a broadcast ended
    "stopped": Reason(_("stopped"), _("The encoder stopped the stream.")),
    "lost": Reason(_("connection lost"), _("The connection broke off. Check your network, then start streaming again.")),
    "streamer": Reason(_("ended by you"), _("You ended it on the dashboard.")),
    "admin": Reason(_("ended by an administrator"), _("An administrator ended this broadcast.")),
    "no_media": Reason(_("no media arrived"), _("Your encoder connected but sent no picture. Check its source.")),
    "no_video": Reason(_("no video"), _("The stream had sound only. Add a video source to your encoder's scene.")),
    "codec": Reason(_("video is not H.264"), _("Choose H.264 (x264, NVENC H.264, …) as the video encoder.")),
    "encoder_failed": Reason(
        _("the site's encoders failed"), _("This is the site's fault. Try again; tell its administrator.")
    ),
    # it works, but
    "long_gop": Reason(
        _("keyframes far apart"),
        _(
            "Your keyframes are more than 4 s apart, so viewers do not get the original quality."
            " Set the keyframe interval to 2 s."
        ),
    ),
    "slow_gop": Reason(
        _("keyframes far apart"),
        _("Your keyframes are %(n)s s apart, so viewers wait longer at the start. Set the interval to 2 s."),
    ),
    "b_frames": Reason(
        _("B-frames"),
        _("Your encoder uses B-frames, which delay the picture by about %(n)s ms. Set them to 0 for the lowest latency."),
    ),
    "low_bitrate": Reason(
        _("low bit rate"),
        _("There are too few bits for a picture of this size. Send about %(n)s kbit/s, or a smaller picture."),
    ),
    "high_bitrate": Reason(
        _("high bit rate"),
        _("Viewers on poor connections cannot follow the original. About %(n)s kbit/s is enough for this size."),
    ),
    "odd_fps": Reason(
        _("unusual frame rate"), _("You send %(n)s frames per second. Choose 30 or 60, which screens show evenly.")
    ),
    "no_audio": Reason(_("no audio"), _("The stream has no sound. Add an audio source if you want some.")),
    "unstable": Reason(
        _("unstable connection"),
        _(
            "Your stream arrives up to %(n)s s late, so viewers see it stop. Lower the bit rate below what your line carries;"
            " a cable helps more than Wi-Fi."
        ),
    ),
    "lost_frames": Reason(
        _("frames are missing"),
        _("%(n)s %% of your frames do not arrive. Your encoder or its network is too busy: lower the bit rate or the size."),
    ),
    "drift": Reason(
        _("sound and picture are apart"),
        _("Sound and picture arrive %(n)s ms apart. Restart your encoder; if it stays so, check the audio source's delay."),
    ),
    "shed_quality": Reason(
        _("a quality is paused"),
        _("The site is too busy to make %(n)s. It comes back for new viewers when there is room; the others go on."),
    ),
    "cut_quality": Reason(
        _("a quality is left out"),
        _("When you began, the site had no encoder free for %(n)s, so this broadcast goes on without it."),
    ),
    "failed_quality": Reason(
        _("a quality has failed"),
        _("The site's encoder of %(n)s keeps failing, so your broadcast goes on without it. Tell the site's administrator."),
    ),
    "slow_encoder": Reason(
        _("the site's encoders are slow"),
        _("A quality is %(n)s s behind. The site is too busy: tell its administrator if it stays so."),
    ),
}


def said(entry: str) -> Reason | None:
    """The words of CODE or CODE:NUMBER."""
    code, __, number = entry.partition(":")
    reason = REASONS.get(code)
    return reason and reason._replace(advice=str(reason.advice) % {"n": number})
