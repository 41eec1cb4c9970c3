"""The page that is made of measured figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import report
from benchmarks.numbers import curve, spread
from benchmarks.targets import TARGETS, Target, number

ABOUT = {
    "at": "2026-01-02T03:04+00:00",
    "seconds": 60,
    "cores": {"ours": 1.2, "foreign": 0.1, "stolen": 0.0},
    "machine": "2 × a processor",
    "versions": {"ffmpeg": "5.1", "commit": "abc1234"},
}
COUNTS = {
    "requests_per_s": 12,
    "mb_per_s": 1.0,
    "origin_requests_per_part": 2.0,
    "redis_commands_per_part": 19.4,
    "redis_reads_per_part": 1.8,
}


def glass(p50: float, as_chosen: float = 1) -> dict[str, Any]:
    run: dict[str, Any] = {"as_chosen_share": as_chosen}
    run |= {"preset": "low", "rendition": "360p", "glass_ms": spread([p50]), "floor_ms": spread([680.0]), "stalls": 0}
    run |= {"off_rate_share": 0.1, "publisher": {"frames": 100, "late": 1}, "each_second": {"glass_ms": [1], "floor_ms": [1]}}
    return ABOUT | {"ladder": "source and 360p", "runs": [run]}


def viewers(*levels: int) -> dict[str, Any]:
    waited = spread([10.0, 20.0]) | {"curve": curve([10.0, 20.0])}
    cores = {"edge": 0.3, "origin": 0.01, "redis": 0.01, "generator": 0.2, "foreign": -0.01}
    each = COUNTS | {"list_wait_ms": waited, "part_wait_ms": waited, "cores": cores, "viewers_per_core": 1200}
    return ABOUT | {"levels": [each | {"viewers": level} for level in levels]}


def row(page: str, what: str) -> list[str]:
    [line] = [line for line in page.splitlines() if line.startswith(f"| {what} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("p50", "verdict"), [(1450, "met"), (1451, "**missed**")])
def test_a_target_is_met_or_missed(p50: float, verdict: str) -> None:
    cells = row(report.page({"glass": glass(p50)}), "Glass to glass, 360p transcode: p50")
    assert cells[1:] == ["≤ 1,450 ms", f"{number(p50)} ms", verdict]


def test_a_rendition_that_was_not_shown_was_not_measured() -> None:
    page = report.page({"glass": glass(1400, as_chosen=0.5)})
    assert row(page, "Glass to glass, 360p transcode: p50")[2:] == ["not measured", ""]


def test_what_was_not_measured_is_said() -> None:
    page = report.page({"glass": glass(1400)})
    assert row(page, "Glass to glass, preset ultra: p50")[2:] == ["not measured", ""]
    assert row(page, "Encoder over bare ffmpeg, CPU")[2:] == ["not measured", ""]


def test_origin_requests_are_compared_between_one_viewer_and_a_thousand() -> None:
    what = "Origin requests per part, 1,000 viewers over 1"
    assert row(report.page({"viewers": viewers(1, 400, 1000)}), what)[2:] == ["1", "met"]
    assert row(report.page({"viewers": viewers(1, 100)}), what)[2:] == ["not measured", ""]


def test_more_viewers_per_core_are_better() -> None:
    target = Target("viewers", "", "", 1100, lambda found: None, at_least=True)
    assert (target.aim(), target.met(1100), target.met(1099)) == ("≥ 1,100", True, False)


def test_every_target_belongs_to_a_figure_with_a_table_and_a_title() -> None:
    assert {target.figure for target in TARGETS} == set(report.TABLES) == set(report.TITLES)


def test_the_page_and_the_plots_are_the_same_each_time_they_are_made(tmp_path: Path) -> None:
    (tmp_path / "glass.json").write_text(json.dumps(glass(1400)))
    (tmp_path / "viewers.json").write_text(json.dumps(viewers(1, 400)))
    made = []
    for _ in range(2):
        report.write(tmp_path)
        made.append({file.name: file.read_bytes() for file in tmp_path.iterdir()})
    assert made[0] == made[1]
    assert made[0].keys() == {"README.md", "glass.json", "glass.svg", "viewers.json", "viewers.svg"}


def chat(p95: float, lost: int) -> dict[str, Any]:
    waited = spread([p95]) | {"curve": curve([p95])}
    cores = {"chat": 0.2, "redis": 0.01, "generator": 0.2, "foreign": 0.0}
    level = {"websockets": 1000, "peers": 0, "delivered": 600_000, "lost": 0, "reordered": 0, "wait_ms": waited, "cores": cores}
    level |= {"frames_per_s": {"websocket": 5000, "webrtc": 0}, "chat_us_per_message": 12.0}
    kill = {"pages": 1000, "thrown_out": 500, "all_back_s": 4.2, "lost": lost}
    taps = {"people": 200, "taps_per_s": 30, "frames_per_s_and_listener": 3.9}
    more = {"kill": kill, "reactions": taps, "webrtc_us_per_frame": 100, "chromium_upgrade_ms": spread([90.0])}
    more |= {"processes": [{"processes": count, "busy_us_per_frame": 12.0} | level for count in (1, 4)]}
    more |= {"enforcement": {"deleted_ms": spread([50.0]), "closed_ms": spread([60.0])}}
    return ABOUT | more | {"levels": [level, level | {"peers": 200, "websockets": 800, "lost": lost}]}


def test_of_chat_s_rounds_the_worst_counts() -> None:
    page = report.page({"chat": chat(p95=200, lost=3)})
    assert row(page, "A message to 1,000 listeners: p95")[1:] == ["≤ 250 ms", "200 ms", "met"]
    assert row(page, "Messages lost")[3] == "met"
    assert row(page, "Messages lost, with WebRTC")[3] == "**missed**"
    assert row(page, "Chat's CPU per frame, four processes over one")[2:] == ["1 ×", "met"]
    assert "500 of 1000 pages lose their connection, all are back after 4.2 s, 3 messages lost" in page


def test_chat_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "chat.json").write_text(json.dumps(chat(p95=200, lost=0)))
    report.write(tmp_path)
    assert (tmp_path / "chat.svg").read_text().startswith("<?xml")


def test_of_the_directory_s_pages_the_slowest_counts(tmp_path: Path) -> None:
    pages = {name: spread([p95]) | {"curve": curve([p95])} for name, p95 in (("live now", 30.0), ("a search", 101.0))}
    figure = ABOUT | {"channels": 10_000, "live": 500, "pages": pages, "worst_p95_ms": 101.0}
    assert row(report.page({"directory": figure}), "A page of the directory, 10,000 channels: the worst p95")[3] == "**missed**"
    (tmp_path / "directory.json").write_text(json.dumps(figure))
    report.write(tmp_path)
    assert (tmp_path / "directory.svg").read_text().startswith("<?xml")
