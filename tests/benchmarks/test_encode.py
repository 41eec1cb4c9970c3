from pathlib import Path

from benchmarks import encode
from streams import ffmpeg
from streams.ladder import BY_NAME
from tests.e2e.waiting import until

URL = "rtmp://127.0.0.1/live/name"


def commands() -> list[list[str]]:
    return [
        ffmpeg.source("ffmpeg", URL, fresh=True),
        *(ffmpeg.transcode("ffmpeg", URL, True, BY_NAME[name], None, "veryfast") for name in ("360p", "480p")),
    ]


def test_one_ffmpeg_for_all_reads_once_and_writes_to_a_pipe_for_each() -> None:
    together = encode.multi(commands())
    assert together.count("-i") == 1
    assert [argument for argument in together if argument.startswith("pipe:")] == ["pipe:11", "pipe:12", "pipe:21", "pipe:31"]
    assert together.count("libx264") == 2


def test_its_filters_do_not_share_labels() -> None:
    together = encode.multi(commands())
    maps = [together[at + 1] for at, argument in enumerate(together) if argument == "-map"]
    labels = [label for label in maps if label.startswith("[")]
    assert len(set(labels)) == len(labels) == 2


def test_what_it_writes_is_read(tmp_path: Path) -> None:
    out = tmp_path / "argument"
    with encode.running([["sh", "-c", f'echo "$1" > {out}; echo ok >&"${{1#pipe:}}"', "sh", "pipe:1"]]) as [pid]:
        assert pid > 0
        assert until(lambda: out.read_text() if out.exists() else "", 5).startswith("pipe:")
