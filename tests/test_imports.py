"""Which module may import which: the imports form a tree."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
OURS = ("accounts", "streams", "interactions", "livestream", "deploy")

# A row is for a module and what lies below it; the longest that fits counts. Each may import itself.
MAY_IMPORT = {
    "accounts": "",
    "streams.apps": "",
    "streams.hls": "",
    "streams.reasons": "",
    "streams.rtmp": "",
    "streams.worker": "",
    "streams.ladder": "",
    "streams.ffmpeg": "streams.ladder",
    "streams.ingest": "",
    "streams.cache_client": "",
    "streams.cache_scripts": "",
    "streams.segment_cache": "streams.hls streams.cache_client streams.cache_scripts",
    "streams.clock": "streams.cache_scripts streams.segment_cache",
    "streams.measure": "streams.hls streams.cache_scripts",
    "streams.watch": "streams.hls streams.segment_cache",
    "streams.packager": "streams.hls streams.ladder streams.measure streams.clock streams.cache_scripts streams.segment_cache",
    "streams.encoder": "streams.hls streams.ladder streams.ffmpeg streams.clock streams.packager streams.segment_cache",
    "streams.models": "accounts streams.reasons",
    "streams.documents": "",
    "streams.leases": "",
    "streams.broadcasts": "accounts streams.hls streams.models streams.documents streams.ladder streams.ingest"
    " streams.segment_cache streams.leases streams.rtmp",
    "streams.reconcile": "streams.broadcasts streams.models streams.leases streams.rtmp streams.segment_cache",
    "streams.jobs": "streams.broadcasts streams.encoder streams.leases streams.reconcile streams.rtmp streams.segment_cache"
    " streams.worker streams.models streams.ladder",
    "streams.origin": "streams.hls streams.cache_client streams.segment_cache streams.watch",
    "streams.forms": "",
    "streams.webhooks": "streams.broadcasts streams.models streams.ingest streams.rtmp",
    "streams.views": "accounts streams.models",
    "streams.dashboard": "accounts streams.models streams.documents streams.forms streams.reasons",
    "streams.api": "accounts streams.models",
    "streams.admin": "accounts streams.broadcasts streams.models streams.documents",
    "streams.urls": "streams.api streams.dashboard streams.views streams.webhooks",
    "streams.management": "accounts streams",
    "interactions": "",
    "livestream": "accounts streams",
    "deploy": "",
}
PURE = ("streams.hls", "streams.ladder", "streams.ingest", "streams.reasons", "streams.cache_scripts", "streams.ffmpeg")
COMPILER = "ffmpeg"  # the package: it makes argument lists, no more


def modules() -> dict[str, Path]:
    files = [file for name in OURS for file in (CHECKOUT / name).rglob("*.py") if "migrations" not in file.parts]
    return {".".join(file.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


MODULES = modules()


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield module if module in MODULES else str(node.module)


def within(module: str, row: str) -> bool:
    return module == row or module.startswith(row + ".")


def row_of(module: str) -> str:
    return max((row for row in MAY_IMPORT if within(module, row)), key=len, default="")


@pytest.mark.parametrize("module", [name for name in MODULES if name not in OURS])
def test_it_imports_only_what_the_table_allows(module: str) -> None:
    row = row_of(module)
    assert row, f"{module} has no row in the table: decide what it may import"
    allowed = [row, *MAY_IMPORT[row].split()]
    for name in imported(MODULES[module]):
        if name.split(".")[0] in OURS:
            assert any(within(name, other) for other in allowed), f"{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if any(within(name, pure) for pure in PURE)])
def test_pure_modules_know_the_standard_library_only(module: str) -> None:
    for name in imported(MODULES[module]):
        known = name.split(".")[0] in sys.stdlib_module_names or any(within(name, pure) for pure in PURE)
        assert known or (name == COMPILER and module == "streams.ffmpeg"), name


@pytest.mark.parametrize("module", MODULES)
def test_no_function_imports(module: str) -> None:
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert not any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node)), node.name


def test_no_row_of_the_table_is_left_over() -> None:
    assert [row for row in MAY_IMPORT if not any(within(name, row) for name in MODULES)] == []


def test_the_table_allows_nothing_that_nobody_does() -> None:
    unused = []
    for row, allowed in MAY_IMPORT.items():
        done = {name for module, file in MODULES.items() if row_of(module) == row for name in imported(file)}
        unused += [f"{row}: {other}" for other in allowed.split() if not any(within(name, other) for name in done)]
    assert unused == []


def test_the_imports_go_in_no_circle() -> None:
    left = {module: {name for name in imported(file) if name in MODULES} - {module} for module, file in MODULES.items()}
    while leaves := [module for module, names in left.items() if not names & left.keys()]:
        for module in leaves:
            del left[module]
    assert left == {}
