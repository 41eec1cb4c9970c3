"""A plot for each figure, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.targets import Found

matplotlib.rcParams.update(
    {
        "svg.hashsalt": "livestream",  # the same figures make the same file
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "legend.frameon": False,
    }
)
SIZE = (8, 3.2)


@contextmanager
def drawn(file: Path, panels: int = 1) -> Iterator[list[Axes]]:
    figure = Figure(figsize=SIZE, layout="constrained")
    yield list(figure.subplots(1, panels, squeeze=False)[0])
    figure.savefig(file, metadata={"Date": None})


def distribution(axes: Axes, curve: list[float], label: str) -> None:
    """How many of all (%) took no longer than that."""
    axes.plot(curve, range(1, len(curve) + 1), label=label)
    axes.set(ylabel="% within", ylim=(0, 100))


def glass(found: Found, file: Path) -> None:
    with drawn(file) as [axes]:
        for number, run in enumerate(found["runs"]):
            seconds, colour = run["each_second"], f"C{number}"
            axes.plot(seconds["glass_ms"], color=colour, label=f"{run['preset']}, {run['rendition']}")
            axes.plot(seconds["floor_ms"], color=colour, linestyle=":", label="its publisher's floor")
        axes.set(xlabel="s", ylabel="age of the picture, ms", ylim=(0, None))
        axes.legend(ncols=2, loc="lower right")


def start(found: Found, file: Path) -> None:
    names = {"publish_to_first_frame_ms": "publish → frame", "open_to_first_frame_ms": "open → frame"}
    names["off_after_2s_ms"] = "off target 2 s later"
    with drawn(file) as [axes]:
        for row, name in enumerate(names):
            each = found[name]["each"]
            axes.plot(each, [row] * len(each), "o", alpha=0.5)
        axes.set(xlabel="ms", yticks=range(len(names)), yticklabels=names.values(), ylim=(len(names) - 0.5, -0.5))


def viewers(found: Found, file: Path) -> None:
    with drawn(file, panels=2) as [waits, cores]:
        for each in found["levels"]:
            distribution(waits, each["list_wait_ms"]["curve"], f"{each['viewers']:,} viewers")
        waits.set(xlabel="from the part's existence to its list in hand, ms", xlim=(0, None))
        waits.legend()
        for name in ("edge", "origin", "redis"):
            points = [(each["viewers"], each["cores"][name]) for each in found["levels"]]
            cores.plot(*zip(*points, strict=True), "o-", label=name)
        cores.set(xlabel="viewers", ylabel="cores")
        cores.legend()


def encode(found: Found, file: Path) -> None:
    with drawn(file) as [axes]:
        for row, window in enumerate(found["windows"]):
            cores = window["cores"]
            axes.barh(row - 0.2, cores["ffmpeg"], 0.38, color="C0", label="our ffmpegs" if not row else None)
            axes.barh(row - 0.2, cores["python"], 0.38, cores["ffmpeg"], color="C1", label="our Python" if not row else None)
            axes.barh(row + 0.2, cores["other"], 0.38, color="0.7", label="the other" if not row else None)
        names = [window["against"] for window in found["windows"]]
        axes.set(xlabel="cores", yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def growth(found: Found, file: Path) -> None:
    with drawn(file, panels=2) as [cores, memory]:
        counts = [each["broadcasts"] for each in found["levels"]]
        cores.plot(counts, [each["cores"] for each in found["levels"]], "o-")
        cores.set(xlabel="broadcasts", ylabel="cores, whole site", ylim=(0, None))
        memory.plot(counts, [each["memory_mb"] for each in found["levels"]], "o-")
        memory.set(xlabel="broadcasts", ylabel="memory, MB, whole site", ylim=(0, None))


def part(found: Found, file: Path) -> None:
    with drawn(file) as [axes]:
        for name, each in found["renditions"].items():
            distribution(axes, each["curve"], name)
        axes.set(xlabel="from ffmpeg's last frame to the part's list in a viewer's hands, ms", xlim=(0, None))
        axes.legend()


def chat(found: Found, file: Path) -> None:
    with drawn(file, panels=2) as [waits, cores]:
        rows = [f"{each['websockets']:,} + {each['peers']:,}" for each in found["levels"]]
        for row, each in zip(rows, found["levels"], strict=True):
            distribution(waits, each["wait_ms"]["curve"], row)
        waits.set(xlabel="from a message's way out to each who reads it, ms", xlim=(0, None))
        waits.legend(title="WebSocket + WebRTC")
        cores.barh(range(len(rows)), [each["cores"]["chat"] for each in found["levels"]])
        cores.set(xlabel="cores, chat pool", yticks=range(len(rows)), yticklabels=rows, ylim=(len(rows) - 0.5, -0.5))


def directory(found: Found, file: Path) -> None:
    with drawn(file) as [axes]:
        for name, each in found["pages"].items():
            distribution(axes, each["curve"], name)
        axes.set(xlabel="from the request to the whole page, ms", xlim=(0, None))
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


PLOTS = {"glass": glass, "start": start, "viewers": viewers, "encode": encode, "growth": growth, "part": part, "chat": chat}
PLOTS["directory"] = directory
