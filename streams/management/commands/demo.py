from __future__ import annotations

import datetime as dt
import os
import secrets
import shutil
import signal
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Channel, User
from streams.documents import StreamKey
from streams.models import Refusal
from streams.reasons import REASONS

NAME = "demo"
EMAIL = "demo@localhost"
LABEL = "script/demo"
LIFETIME = dt.timedelta(hours=24)
FONTS = Path("/usr/share/fonts")
STOP_S = 5

TEST_PICTURE = "testsrc2=size=1280x720:rate=30"
TONE = "sine=frequency=440:beep_factor=4:sample_rate=48000"  # and a beep every second
CLOCK = (
    "drawtext=fontfile={font}:text='%{{localtime\\:%T}}':fontsize=120:x=(w-tw)/2:y=(h-th)/2"
    ":fontcolor=white:box=1:boxcolor=black:boxborderw=20"
)
AT_MOST_720P = "scale=-2:'trunc(min(720,ih)/2)*2'"
VIDEO = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2")
RATE = ("-b:v", "2500k", "-maxrate", "2500k", "-bufsize", "2500k")
AUDIO = ("-c:a", "aac", "-b:a", "128k")
KEYFRAMES = ("-force_key_frames", "expr:gte(t,n_forced*2)")


class Command(BaseCommand):
    help = (
        f"Publishes a test picture with a running clock and a tone, or a clip over and over, to the channel {NAME},"
        " beside a running site. Ctrl-C stops it."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clip", type=Path, metavar="FILE", help="a film to publish instead of the test picture")

    def handle(self, *args: Any, clip: Path | None, **options: Any) -> None:
        check_surroundings(clip)
        channel, since = demo_channel(), timezone.now()
        signal.signal(signal.SIGTERM, interrupt)
        with fresh_key(channel, since) as key, publisher(key, clip) as ffmpeg:
            self.stdout.write(f"Watch  {settings.PUBLIC_URL}{channel.get_absolute_url()}\nCtrl-C stops it.")
            self.stdout.flush()
            try:
                ffmpeg.wait()
            except KeyboardInterrupt:
                return
        raise CommandError(f"The publisher has ended. {why(channel, since)}")


def check_surroundings(clip: Path | None) -> None:
    if shutil.which(settings.FFMPEG) is None:
        raise CommandError(f"`{settings.FFMPEG}` was not found: run script/bootstrap, or set FFMPEG.")
    if clip and not clip.is_file():
        raise CommandError(f"There is no file {clip}.")
    try:
        httpx.get(f"{settings.PUBLIC_URL}/healthz", timeout=settings.STORE_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        raise CommandError(
            f"The site does not answer at {settings.PUBLIC_URL}: start it with script/server, then run this again."
        ) from error


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def demo_channel() -> Channel:
    channel = Channel.objects.filter(name=NAME).select_related("owner").first()
    if channel is None:
        channel = User.objects.create_streamer(EMAIL, secrets.token_urlsafe(32), NAME).channel
        channel.reconnect_s = Channel.Reconnect.NOT  # with Ctrl-C it is over
        channel.save()
        return channel
    if channel.owner.email != EMAIL:
        raise CommandError(f"The channel {NAME} belongs to somebody else. An administrator can give it another name.")
    return channel


@contextmanager
def fresh_key(channel: Channel, now: dt.datetime) -> Iterator[str]:
    """Good for as long as it is needed: nobody has to remember it."""
    key, text = StreamKey.issue(channel.pk, now, LABEL, now + LIFETIME)
    try:
        yield text
    finally:
        key.revoke(timezone.now())


@contextmanager
def publisher(key: str, clip: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg reads the key as an option from a pipe: every user of the machine could read it in the list of processes."""
    option, write_end = os.pipe()
    with os.fdopen(write_end, "w") as pipe:
        pipe.write(f"rtmp_playpath={key}\n")
    command = [settings.FFMPEG, "-hide_banner", "-loglevel", "error", *(test_picture() if clip is None else looped(clip))]
    command += [*VIDEO, *RATE, *KEYFRAMES, *AUDIO, "-fpre", f"/dev/fd/{option}", "-f", "flv", settings.RTMP_URL]
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command],
        stdin=subprocess.DEVNULL,
        pass_fds=[option],
        start_new_session=True,  # Ctrl-C reaches it by way of this process alone
    )
    os.close(option)
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_picture() -> list[str]:
    """It counts its own seconds; the time of day is drawn where there is a font."""
    fonts = sorted(FONTS.rglob("*.ttf"), key=lambda font: ("Mono" not in font.name, font.name))
    picture = f"{TEST_PICTURE},{CLOCK.format(font=fonts[0])}" if fonts else TEST_PICTURE
    return ["-re", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", TONE]


def looped(clip: Path) -> list[str]:
    return ["-re", "-stream_loop", "-1", "-i", f"file:{clip}", "-map", "0:v:0", "-map", "0:a:0?", "-vf", AT_MOST_720P]


def why(channel: Channel, since: dt.datetime) -> str:
    """What the channel's dashboard says of it."""
    refusal = Refusal.objects.filter(channel=channel, at__gte=since).first()
    broadcast = channel.broadcasts.filter(ended_at__gte=since).order_by("-ended_at").first()
    code = refusal.reason if refusal else broadcast.end_reason if broadcast else ""
    return str(REASONS[code].advice) if code in REASONS else "ffmpeg's words are above."
