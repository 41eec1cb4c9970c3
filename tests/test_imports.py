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
    "accounts.limits": "accounts streams.addresses streams.limits",
    "streams.apps": "",
    "streams.hls": "",
    "streams.reasons": "",
    "streams.rtmp": "",
    "streams.worker": "streams.logged",
    "streams.ladder": "",
    "streams.ffmpeg": "streams.hls streams.ladder",
    "streams.ingest": "",
    "streams.cache_client": "",
    "streams.cache_scripts": "streams.hls",
    "streams.addresses": "",
    "streams.turns": "",
    "streams.asgi": "",
    "streams.beacon": "",
    "streams.audience": "streams.addresses streams.beacon streams.segment_cache",
    "streams.figures": "streams.moments streams.audience streams.documents streams.models",
    "streams.thumbnails": "streams.hls streams.ladder streams.models streams.segment_cache",
    "streams.ring": "streams.hls",
    "streams.segment_cache": "streams.hls streams.cache_client streams.cache_scripts",
    "streams.cache_writer": "streams.hls streams.ladder streams.cache_client streams.cache_scripts streams.metrics streams.ring"
    " streams.segment_cache",
    "streams.clock": "streams.hls streams.cache_scripts streams.segment_cache",
    "streams.measure": "streams.hls",
    "streams.subscription": "streams.logged",
    "streams.watch": "streams.hls streams.logged streams.metrics streams.segment_cache streams.subscription",
    "streams.packager": "streams.hls streams.ladder streams.clock streams.cache_scripts streams.cache_writer"
    " streams.segment_cache",
    "streams.source": "streams.hls streams.ladder streams.measure streams.clock streams.packager streams.cache_writer",
    "streams.sound": "streams.hls streams.ladder streams.measure streams.cache_scripts streams.clock streams.packager"
    " streams.cache_writer",
    "streams.child": "",
    "streams.logged": "",
    "streams.metrics": "",
    "streams.encoder": "streams.hls streams.ladder streams.ffmpeg streams.child streams.clock streams.packager streams.sound"
    " streams.cache_client streams.cache_writer streams.source streams.segment_cache",
    "streams.models": "accounts streams.reasons",
    "streams.documents": "",
    "streams.leases": "",
    "streams.advice": "streams.ladder",
    "streams.capacity": "streams.leases streams.segment_cache",
    "streams.limits": "",
    "streams.deferred": "streams.ladder",
    "streams.refusals": "accounts streams.documents streams.ingest streams.logged streams.models",
    "streams.announcements": "streams.hls streams.leases streams.models streams.moments streams.segment_cache",
    "streams.records": "streams.advice streams.announcements streams.documents streams.ladder streams.models streams.refusals"
    " streams.segment_cache",
    "streams.broadcasts": "accounts streams.announcements streams.deferred streams.logged streams.models streams.refusals"
    " streams.rtmp streams.silence",
    "streams.admission": "accounts streams.announcements streams.broadcasts streams.capacity streams.deferred"
    " streams.documents streams.ingest streams.ladder streams.leases streams.models streams.refusals",
    "streams.notices": "accounts streams.broadcasts streams.models",
    "streams.personal": "accounts streams.broadcasts streams.documents streams.models",
    "streams.purge": "accounts streams.documents streams.models",
    "streams.following": "accounts streams.models",
    "streams.shedding": "streams.advice streams.ladder",
    "streams.load": "streams.moments"
    " streams.advice streams.announcements streams.capacity streams.deferred streams.leases streams.logged"
    " streams.models streams.cache_writer streams.metrics streams.segment_cache streams.shedding",
    "streams.reconcile": "streams.moments streams.announcements streams.broadcasts streams.deferred streams.load streams.logged"
    " streams.models streams.leases streams.rtmp streams.segment_cache",
    "streams.jobs": "streams.moments accounts streams.audience streams.database_time streams.documents"
    " streams.figures streams.notices streams.purge"
    " streams.thumbnails streams.announcements streams.cache_writer streams.deferred streams.records"
    " streams.broadcasts streams.capacity streams.encoder streams.leases streams.reconcile streams.rtmp streams.segment_cache"
    " streams.worker streams.models streams.ladder streams.metrics",
    "streams.origin": "streams.addresses streams.asgi streams.audience streams.beacon streams.hls streams.cache_client"
    " streams.logged streams.metrics streams.segment_cache streams.watch",
    "streams.directory": "accounts streams.audience streams.models",
    "streams.embed": "accounts",
    "streams.forms": "accounts",
    "streams.schedule": "accounts",
    "streams.templatetags": "",
    "streams.moderation": "accounts streams.broadcasts streams.models",
    "streams.claims": "accounts streams.moderation",
    "streams.reports": "accounts streams.claims streams.models streams.moderation streams.segment_cache",
    "streams.wall": "streams.audience streams.models",
    "streams.broadcast_facts": "streams.documents streams.figures streams.models streams.reasons",
    "streams.moderation_views": "accounts streams.models streams.moderation",
    "streams.report_admin": "accounts streams.claims streams.models streams.moderation streams.reports",
    "streams.report_views": "accounts streams.models streams.moderation streams.reports",
    "streams.silence": "streams.moments streams.models streams.rtmp streams.segment_cache",
    "streams.gate": "streams.addresses streams.ingest",
    "streams.publishing": "streams.addresses streams.admission streams.announcements streams.broadcasts streams.database_time"
    " streams.gate streams.models streams.ingest streams.leases streams.limits streams.logged streams.refusals streams.rtmp"
    " streams.silence",
    "streams.webhooks": "streams.asgi streams.gate streams.ingest streams.logged streams.metrics streams.models"
    " streams.publishing streams.refusals streams.turns",
    "streams.views": "accounts streams.directory streams.embed streams.forms streams.models",
    "streams.health": "streams.advice streams.audience streams.ladder streams.leases streams.logged streams.models"
    " streams.segment_cache",
    "streams.dashboard": "accounts streams.health streams.models streams.reasons streams.refusals",
    "streams.stream_keys": "accounts streams.dashboard streams.documents streams.forms streams.limits streams.models",
    "streams.stream_page": "streams.moments accounts streams.broadcasts streams.dashboard streams.figures streams.health"
    " streams.models streams.refusals streams.schedule streams.stream_keys",
    "streams.past": "accounts streams.dashboard streams.documents streams.figures streams.models streams.reasons",
    "streams.api": "accounts streams.audience streams.broadcasts streams.directory streams.documents streams.figures"
    " streams.following streams.forms streams.limits streams.models streams.stream_keys",
    "streams.admin": "accounts streams.broadcast_facts streams.models streams.documents streams.report_admin",
    "streams.urls": "streams.embed streams.following streams.past streams.report_views streams.stream_keys"
    " streams.stream_page streams.views",
    "streams.management": "accounts streams",
    "interactions.apps": "",
    "interactions.text": "",
    "streams.moments": "",
    "streams.database_time": "streams.moments",
    "interactions.wire": "",
    "interactions.rules": "interactions.protocol interactions.text",
    "interactions.models": "accounts interactions.rules interactions.text",
    "interactions.documents": "",
    "interactions.standing": "interactions.wire accounts interactions.models interactions.protocol interactions.rules",
    "interactions.enforcement": "streams.moments interactions.identity interactions.wire"
    " accounts interactions.models interactions.protocol interactions.room_log"
    " interactions.standing streams.models",
    "interactions.messages": "streams.moments interactions.wire"
    " accounts interactions.held interactions.enforcement interactions.models interactions.protocol"
    " interactions.room_log interactions.standing",
    "interactions.restrictions": "accounts interactions.held interactions.enforcement interactions.models"
    " interactions.protocol interactions.standing",
    "interactions.room_settings": "accounts interactions.enforcement interactions.models"
    " interactions.rules interactions.standing",
    "interactions.held": "streams.moments interactions.wire"
    " accounts interactions.enforcement interactions.models interactions.protocol"
    " interactions.speech interactions.standing",
    "interactions.reports": "streams.moments"
    " accounts interactions.enforcement interactions.messages interactions.models"
    " interactions.protocol interactions.restrictions interactions.room_log interactions.standing",
    "interactions.moderation": "accounts interactions.enforcement interactions.held interactions.messages interactions.protocol"
    " interactions.reports interactions.restrictions interactions.room_settings interactions.rules interactions.standing",
    "interactions.words": "interactions.protocol",
    "interactions.forms": "accounts interactions.models interactions.rules",
    "interactions.broadcast_chat": "accounts interactions.documents interactions.models"
    " streams.dashboard streams.models streams.past",
    "interactions.dashboard": "accounts interactions.forms interactions.models interactions.protocol"
    " interactions.restrictions interactions.room_settings interactions.standing interactions.words streams.dashboard",
    "interactions.api": "accounts interactions.enforcement interactions.protocol interactions.room_log"
    " interactions.room_settings",
    "interactions.urls": "interactions.api interactions.broadcast_chat interactions.dashboard",
    "interactions.admin_filters": "accounts",
    "interactions.admin_columns": "accounts interactions.models interactions.standing",
    "interactions.report_admin": "streams.moments interactions.admin_columns interactions.admin_filters interactions.models"
    " interactions.protocol interactions.reports interactions.standing interactions.words"
    " streams.moderation streams.report_admin",
    "interactions.admin": "accounts interactions.admin_columns interactions.admin_filters interactions.held"
    " interactions.messages interactions.models interactions.protocol interactions.report_admin interactions.restrictions"
    " interactions.room_settings interactions.standing interactions.words",
    "interactions.events": "accounts streams.moments interactions.held"
    " interactions.enforcement streams.broadcasts streams.models"
    " streams.moderation",
    "interactions.archive": "streams.moments interactions.wire accounts interactions.models interactions.room_log",
    "interactions.heat": "interactions.documents streams.models",
    "interactions.personal": "accounts interactions.documents interactions.enforcement interactions.models"
    " interactions.room_log interactions.standing streams.models streams.personal",
    "interactions.purge": "interactions.models",
    "interactions.presence": "streams.documents streams.models",
    "interactions.jobs": "streams.moments"
    " interactions.archive interactions.enforcement interactions.events interactions.heat"
    " interactions.presence interactions.purge interactions.room_log streams.jobs"
    " streams.logged",
    "interactions.metrics": "",
    "interactions.bucket": "",
    "interactions.fields": "",
    "interactions.protocol": "interactions.fields",
    "interactions.room_scripts": "",
    "interactions.room_log": "streams.cache_client interactions.protocol interactions.room_scripts",
    "interactions.transport": "",
    "interactions.backlog": "interactions.protocol interactions.room_log",
    "interactions.room": "interactions.backlog interactions.metrics interactions.protocol interactions.room_log"
    " interactions.transport",
    "interactions.hub": "interactions.metrics interactions.room interactions.room_log streams.logged streams.subscription",
    "interactions.limits": "interactions.bucket interactions.protocol streams.addresses",
    "interactions.openings": "interactions.protocol streams.addresses streams.limits",
    "interactions.sdp": "",
    "interactions.fastlane": "",
    "interactions.peer": "interactions.fastlane interactions.metrics interactions.sdp interactions.transport streams.addresses",
    "interactions.inbox": "interactions.peer",
    "interactions.signalling": "interactions.limits interactions.peer interactions.protocol interactions.sdp",
    "interactions.speech": "streams.moments interactions.wire"
    " interactions.protocol interactions.room interactions.room_log interactions.rules interactions.text",
    "interactions.identity": "",
    "interactions.chat": "streams.addresses streams.cache_client interactions.hub interactions.identity interactions.limits"
    " interactions.openings interactions.peer interactions.room_log interactions.speech",
    "interactions.consumers": "streams.addresses streams.logged streams.moments"
    " interactions.chat interactions.fields interactions.inbox interactions.hub interactions.identity interactions.limits"
    " interactions.peer interactions.protocol interactions.room interactions.room_log interactions.rules"
    " interactions.signalling interactions.speech interactions.transport interactions.wire",
    "interactions.routing": "interactions.chat interactions.consumers",
    "livestream": "accounts interactions streams",
    "deploy": "",
    "deploy.gunicorn": "livestream.crew livestream.logs livestream.postgresql",
}
PURE = (
    "streams.moments",
    "streams.addresses",
    "streams.advice",
    "streams.beacon",
    "streams.hls",
    "streams.ladder",
    "streams.ingest",
    "streams.cache_scripts",
    "streams.ffmpeg",
    "interactions.bucket",
    "interactions.fields",
    "interactions.protocol",
    "interactions.text",
    "interactions.wire",
    "interactions.rules",
    "interactions.room_scripts",
    "interactions.sdp",
    "interactions.transport",
    "interactions.limits",
)
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
