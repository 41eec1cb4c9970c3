"""What the tests have measured: the newest of each figure, in the order of their numbers, becomes docs/reliability.md."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Self

from deploy.local.instance import CHECKOUT

DOCUMENT = CHECKOUT / "docs/reliability.md"
HEAD = """# Reliability

Written by `script/test --all` from what its fault tests (`tests/faults/`) measured: publisher, site, player and faults share
one machine, over loopback. Each row is a figure of one test, as it was measured last; a test fails where one misses its mark.

| | fault | figure | mark | measured | on |
| --- | --- | --- | --- | --- | --- |
"""
MISSED = ": **missed**"


@dataclass(frozen=True)
class Fault:
    """NUMBER: its place in the table of tests."""

    number: int
    name: str

    def at_most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._measured(what, value, "≤", operator.le, limit, unit)

    def at_least(self, what: str, value: float, limit: float, unit: str = "") -> None:
        self._measured(what, value, "≥", operator.ge, limit, unit)

    def _measured(
        self, what: str, value: float, sign: str, holds: Callable[[float, float], bool], limit: float, unit: str
    ) -> None:
        today, met = dt.datetime.now(dt.UTC).date().isoformat(), holds(value, limit)
        shown = f"{value:.3g}" if value < 1000 else f"{value:.0f}"
        mark, measured = f"{sign} {limit:g} {unit}".strip(), f"{shown} {unit}".strip()
        measured += ("" if met else MISSED) + self._first_try(what)
        figure = Figure(str(self.number), self.name, what, mark, measured, today)
        print(figure.row)
        MEASURED[figure[:3]] = figure
        assert met, figure.row

    def _first_try(self, what: str) -> str:
        """A test that is tried again hides nothing."""
        first = MEASURED.get((str(self.number), self.name, what))
        return f" (at first {first.measured})" if first and MISSED in first.measured else ""


class Figure(NamedTuple):
    number: str
    fault: str
    what: str
    mark: str
    measured: str
    on: str

    @classmethod
    def of(cls, row: str) -> Self:
        return cls(*row.strip("| \n").split(" | "))

    @property
    def row(self) -> str:
        return f"| {' | '.join(self)} |"


MEASURED: dict[tuple[str, ...], Figure] = {}  # by what they tell apart


def known() -> list[Figure]:
    """Of earlier runs."""
    return [Figure.of(row) for row in DOCUMENT.read_text().splitlines() if row[:3].strip("| ").isdigit()]


def write_document(before: list[Figure]) -> None:
    """What this run did not measure stays as it was BEFORE."""
    figures = {figure[:3]: figure for figure in before} | MEASURED
    rows = sorted(figures.values(), key=lambda figure: int(figure.number))
    DOCUMENT.write_text(HEAD + "".join(f"{figure.row}\n" for figure in rows))
