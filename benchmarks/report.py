"""Turns measured figures into one page, with a table of what was aimed at and a plot for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import plots
from benchmarks.targets import TARGETS, Found, Target, number

HEAD = """\
# Performance

Written by `script/bench` from the JSON files beside it. Publisher, site, viewers and Chromium share the machine's cores.
"""
TITLES = {
    "glass": "Glass to glass",
    "start": "Starting",
    "viewers": "Serving",
    "encode": "Encoding",
    "growth": "Growth",
    "part": "A part's way to the edge",
    "chat": "Chat",
    "directory": "Directory",
}
QUIET = 0.15  # cores

Row = Sequence[object]


def write(results: Path) -> None:
    found = {name: json.loads(file.read_text()) for name in TITLES if (file := results / f"{name}.json").exists()}
    if not found:
        return
    for name, figure in found.items():
        plots.PLOTS[name](figure, results / f"{name}.svg")
    (results / "README.md").write_text(page(found))


def page(found: dict[str, Found]) -> str:
    sections = [HEAD, surroundings(list(found.values())), targets(found)]
    sections += [section(name, figure) for name, figure in found.items()]
    return "\n".join(sections)


def surroundings(figures: list[Found]) -> str:
    newest = max(figures, key=lambda figure: figure["at"])
    versions = ", ".join(f"{name} {version}" for name, version in newest["versions"].items() if name != "commit")
    machines = sorted({figure["machine"] for figure in figures})
    return f"{newest['at'][:10]}, {' and '.join(machines)}; {versions}.\n"


def table(head: Row, rows: Iterable[Row]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def targets(found: dict[str, Found]) -> str:
    return table(["", "target", "measured", ""], [row(target, found.get(target.figure)) for target in TARGETS])


def row(target: Target, figure: Found | None) -> Row:
    value = None if figure is None else target.read(figure)
    if value is None:
        return [target.what, target.aim(), "not measured", ""]
    return [target.what, target.aim(), f"{number(value)}{target.unit}", "met" if target.met(value) else "**missed**"]


def section(name: str, figure: Found) -> str:
    about = "; ".join(f"{key}: {figure[key]}" for key in ("publisher", "stream", "ladder") if key in figure)
    about += ". " if about else ""
    return f"## {TITLES[name]}\n\n![{TITLES[name]}]({name}.svg)\n\n{TABLES[name](figure)}\n{about}{when(figure)}\n"


def when(figure: Found) -> str:
    cores = figure["cores"]
    busy = " **The machine was busy with something else.**" if cores["foreign"] > QUIET else ""
    used = f"{cores['ours']} cores were ours, {cores['foreign']} others', {cores['stolen']} stolen by other machines"
    made = f"Measured {figure['at']} for {figure['seconds']} s at commit {figure['versions']['commit']}"
    return f"{made}; {used}.{busy}"


def glass(figure: Found) -> str:
    head = ["preset", "rendition", "shown as chosen", "p50", "p95", "max"]
    head += ["publisher's floor p50", "stalls", "off-rate share", "late frames"]
    return table(
        head,
        [
            [
                run["preset"],
                run["rendition"],
                f"{run['as_chosen_share']:.0%}",
                *(f"{number(run['glass_ms'][name])} ms" for name in ("p50", "p95", "max")),
                f"{number(run['floor_ms']['p50'])} ms",
                run["stalls"],
                run["off_rate_share"],
                f"{run['publisher']['late']} of {run['publisher']['frames']}",
            ]
            for run in figure["runs"]
        ],
    )


def start(figure: Found) -> str:
    named = {
        "publisher's start → first frame in a waiting page": "publish_to_first_frame_ms",
        "page opened → first frame of a running stream": "open_to_first_frame_ms",
        "2 s later: off the player's target": "off_after_2s_ms",
    }
    return table(
        ["ms", "p50", "p95", "max", "times"],
        [[name, *(number(figure[key][each]) for each in ("p50", "p95", "max", "count"))] for name, key in named.items()],
    )


def viewers(figure: Found) -> str:
    head = ["viewers", "req/s", "MB/s", "list wait p50/p95/p99 ms", "part wait p50/p95/p99 ms", "origin req per part"]
    head += ["Redis commands per part (reads)", "cores: edge, origin, Redis", "generator, others", "viewers per core"]

    def waits(spread: Found) -> str:
        return " / ".join(number(spread[name]) for name in ("p50", "p95", "p99"))

    return table(
        head,
        [
            [
                number(each["viewers"]),
                number(each["requests_per_s"]),
                each["mb_per_s"],
                waits(each["list_wait_ms"]),
                waits(each["part_wait_ms"]),
                each["origin_requests_per_part"],
                f"{each['redis_commands_per_part']} ({each['redis_reads_per_part']})",
                ", ".join(f"{each['cores'][name]:.3f}" for name in ("edge", "origin", "redis")),
                f"{each['cores']['generator']:.2f}, {max(0.0, each['cores']['foreign']):.2f}",
                number(each["viewers_per_core"]),
            ]
            for each in figure["levels"]
        ],
    )


def encode(figure: Found) -> str:
    names = {"bare": "bare ffmpeg, same command lines", "multi": "one ffmpeg with all outputs"}
    return table(
        ["against", "our ffmpegs", "our Python", "Redis", "the other", "ratio", "memory: ours", "the other"],
        [
            [
                names[each["against"]],
                *(f"{each['cores'][side]:.3f}" for side in ("ffmpeg", "python", "redis", "other")),
                each["ratio"],
                f"{each['memory_mb']['ffmpeg'] + each['memory_mb']['python']} MB",
                f"{each['memory_mb']['other']} MB",
            ]
            for each in figure["windows"]
        ],
    )


def growth(figure: Found) -> str:
    head = ["broadcasts", "cores", "memory", "cores per broadcast", "memory per broadcast"]
    return table(
        head,
        [
            [
                each["broadcasts"],
                each["cores"],
                f"{each['memory_mb']} MB",
                each.get("cores_per_broadcast", ""),
                f"{each['memory_mb_per_broadcast']} MB" if "memory_mb_per_broadcast" in each else "",
            ]
            for each in figure["levels"]
        ],
    )


def part(figure: Found) -> str:
    return table(
        ["ms", "p50", "p95", "max", "parts"],
        [[name, *(number(each[key]) for key in ("p50", "p95", "max", "count"))] for name, each in figure["renditions"].items()],
    )


def chat(figure: Found) -> str:
    head = ["listeners: WebSocket, WebRTC", "delivered", "lost, reordered", "wait p50/p95/p99/max ms"]
    head += ["frames per s: WebSocket, WebRTC", "cores: chat, Redis", "generator, others", "chat's CPU per message"]
    rows = table(
        head,
        [
            [
                f"{number(each['websockets'])}, {number(each['peers'])}",
                number(each["delivered"]),
                f"{each['lost']}, {each['reordered']}",
                " / ".join(number(each["wait_ms"][name]) for name in ("p50", "p95", "p99", "max")),
                f"{number(each['frames_per_s']['websocket'])}, {number(each['frames_per_s']['webrtc'])}",
                ", ".join(f"{each['cores'][name]:.3f}" for name in ("chat", "redis")),
                f"{each['cores']['generator']:.2f}, {max(0.0, each['cores']['foreign']):.2f}",
                f"{each['chat_us_per_message']} µs",
            ]
            for each in figure["levels"]
        ],
    )
    killed, taps = figure["kill"], figure["reactions"]
    spread = ", ".join(f"{each['busy_us_per_frame']} µs on {each['processes']}" for each in figure["processes"])
    return (
        f"{rows}\nA frame in a room of {figure['processes'][0]['websockets']}, by the number of processes, beyond what they"
        f" take idle: {spread}. A chat process is killed: {killed['thrown_out']} of {killed['pages']} pages lose their"
        f" connection, all are back after {killed['all_back_s']} s, {killed['lost']} messages lost. {taps['taps_per_s']} taps"
        f" a second of {taps['people']} people: {taps['frames_per_s_and_listener']} frames a second for each.\n"
    )


def directory(figure: Found) -> str:
    head = [f"{number(figure['channels'])} channels, {figure['live']} live; ms", "p50", "p95", "max", "times"]
    rows = [[name, *(number(each[key]) for key in ("p50", "p95", "max", "count"))] for name, each in figure["pages"].items()]
    return table(head, rows)


TABLES = {"glass": glass, "start": start, "viewers": viewers, "encode": encode, "growth": growth, "part": part, "chat": chat}
TABLES["directory"] = directory
