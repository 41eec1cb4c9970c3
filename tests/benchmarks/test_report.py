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
    "versions": {"ffmpeg": "5.1"},
}
COUNTS = {
    "requests_per_s": 12,
    "mb_per_s": 1.0,
    "origin_requests_per_part": 2.0,
    "redis_commands_per_part": 19.4,
    "redis_reads_per_part": 1.8,
}


def glass(p50: float) -> dict[str, Any]:
    run = {"preset": "low", "rendition": "360p", "glass_ms": spread([p50]), "floor_ms": spread([680.0]), "stalls": 0}
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
