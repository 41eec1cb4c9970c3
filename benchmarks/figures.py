"""The figures that can be measured: each a module that says what its site is set to, and measures it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, cast

from benchmarks import chat, directory, encode, glass, growth, part, start, viewers
from tests.live import Site


class Figure(Protocol):
    def settings(self, folder: Path) -> dict[str, str]: ...

    def measure(self, site: Site, quick: bool) -> dict[str, Any]: ...


FIGURES = {
    module.__name__.rpartition(".")[2]: cast(Figure, module)
    for module in (glass, start, viewers, encode, growth, part, chat, directory)
}
