"""What the tests have measured: the newest of each figure, in the order of their numbers, becomes docs/reliability.md."""

from __future__ import annotations

import datetime as dt
import json
import operator
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import NamedTuple

from deploy.local.instance import CHECKOUT

KEPT = CHECKOUT / "var/reliability.jsonl"
DOCUMENT = CHECKOUT / "docs/reliability.md"
HEAD = """# Reliability

Written by `script/test --all` from what its fault tests (`tests/faults/`) measured: publisher, site, player and faults share
one machine, over loopback. Each row is a figure of one test, as it was measured last; a test fails where one misses its mark.

| | fault | figure | mark | measured | on |
| --- | --- | --- | --- | --- | --- |
"""


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
        mark, measured = f"{sign} {limit:g} {unit}".strip(), f"{value:.3g} {unit}".strip()
        figure = Figure(self.number, self.name, what, mark, measured, today, met)
        print(figure)
        KEPT.parent.mkdir(exist_ok=True)
        with KEPT.open("a") as out:
            out.write(json.dumps(asdict(figure), ensure_ascii=False) + "\n")
        assert met, figure


class Key(NamedTuple):
    number: int
    fault: str
    what: str


@dataclass(frozen=True)
class Figure:
    number: int
    fault: str
    what: str
    mark: str
    measured: str
    on: str
    met: bool = True

    @property
    def key(self) -> Key:
        return Key(self.number, self.fault, self.what)

    @property
    def verdict(self) -> str:
        return self.measured if self.met else f"{self.measured}: **missed**"

    @property
    def row(self) -> str:
        return f"| {self.number} | {self.fault} | {self.what} | {self.mark} | {self.verdict} | {self.on} |"


def kept() -> Iterator[Figure]:
    for line in KEPT.read_text().splitlines() if KEPT.exists() else []:
        yield Figure(**json.loads(line))


def write_document() -> None:
    newest = {figure.key: figure for figure in kept()}
    rows = sorted(newest.values(), key=lambda figure: figure.number)
    DOCUMENT.write_text(HEAD + "".join(f"{figure.row}\n" for figure in rows))
