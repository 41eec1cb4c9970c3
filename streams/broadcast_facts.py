"""What is known of a broadcast, for its page in the administration: words where a store is away."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pymongo.errors import PyMongoError

from streams import figures
from streams.documents import StreamMetadata
from streams.models import Broadcast
from streams.reasons import REASONS

logger = logging.getLogger(__name__)

Words = SafeString | str
BAR, HEIGHT = 4, 60
FIGURES = {
    "duration_s": gettext_lazy("duration s"),
    "peak": gettext_lazy("peak"),
    "average": gettext_lazy("average"),
    "watch_hours": gettext_lazy("watch hours"),
    "stalls": gettext_lazy("stalls"),
    "latency_ms": gettext_lazy("latency ms"),
    "chat_peak": gettext_lazy("chat peak"),
}


def from_mongo(show: Callable[[Broadcast], Words]) -> Callable[[Broadcast], Words]:
    def shown(broadcast: Broadcast) -> Words:
        try:
            return show(broadcast)
        except PyMongoError as error:
            logger.warning("figures of broadcast %s: %s", broadcast.pk, type(error).__name__)
            return _("The store of figures does not answer. Try again in a minute.")

    return shown


def table(heads: Iterable[Any], rows: Iterable[Iterable[Any]]) -> SafeString:
    head = format_html_join("", "<th scope='col'>{}</th>", ((name,) for name in heads))
    lines = [(format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows]
    body = format_html_join("", "<tr>{}</tr>", lines)
    return format_html("<div class='facts'><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>", head, body)


def pairs(facts: Iterable[tuple[Any, Any]]) -> SafeString:
    shown = [(name, value) for name, value in facts if value is not None]
    return format_html("<dl class='pairs'>{}</dl>", format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", shown))


def history(broadcast: Broadcast) -> SafeString:
    ended = broadcast.ended_at and f"{_clock(broadcast.ended_at)}: {broadcast.get_end_reason_display()}"
    return pairs(
        [
            (_("now"), broadcast.get_state_display()),
            (_("connected"), _clock(broadcast.started_at)),
            (_("first picture"), broadcast.live_at and _clock(broadcast.live_at)),
            (_("publisher sessions"), broadcast.epoch if broadcast.epoch > 1 else None),
            (_("publisher missing since"), broadcast.missing_since and _clock(broadcast.missing_since)),
            (_("publisher lost"), broadcast.lost_at and _clock(broadcast.lost_at)),
            (_("waited for until"), broadcast.reconnect_until and _clock(broadcast.reconnect_until)),
            (_("ended"), ended),
        ]
    )


def advice(broadcast: Broadcast) -> str:
    return ", ".join(str(REASONS[code].short) for code in broadcast.advice if code in REASONS) or _("none")


@from_mongo
def figures_of(broadcast: Broadcast) -> Words:
    found = figures.of([broadcast], timezone.now()).get(broadcast.pk)
    if found is None:
        return _("none yet")
    return pairs((FIGURES[name], _rounded(value)) for name, value in found._asdict().items())


@from_mongo
def minutes_of(broadcast: Broadcast) -> Words:
    found = figures.minutes(broadcast, timezone.now())
    if not found:
        return _("none yet")
    most = max(1, *(one.get("peak") or one.get("viewers") or 0 for one in found))
    bars = []
    for one in found:
        viewers = one.get("viewers") or 0
        high = round(viewers / most * HEIGHT, 1)
        said = _("%(minute)s min: %(viewers)s") % {"minute": one["minute"], "viewers": viewers}
        bars.append((one["minute"] * BAR, HEIGHT - high, BAR - 1, high, said))
    bar = "<rect x='{}' y='{}' width='{}' height='{}'><title>{}</title></rect>"
    width = (found[-1]["minute"] + 1) * BAR
    label = _("At most %(most)s at once") % {"most": most}
    drawn = format_html_join("", bar, bars)
    picture = (
        "<svg class='minutes' viewBox='0 0 {} {}' preserveAspectRatio='none' role='img' aria-label='{}'>{}</svg><div>{}</div>"
    )
    return format_html(picture, width, HEIGHT, label, drawn, label)


@from_mongo
def ingest(broadcast: Broadcast) -> Words:
    found = StreamMetadata.objects(id=broadcast.pk).first()
    facts = {name: value for name, value in found.ingest.items() if value is not None} if found else {}
    return pairs((name.replace("_", " "), _rounded(value)) for name, value in facts.items()) if facts else _("none yet")


def ladder(broadcast: Broadcast) -> SafeString:
    """Its names are known to PostgreSQL, what became of each to MongoDB."""
    try:
        found = StreamMetadata.objects(id=broadcast.pk).first()
    except PyMongoError as error:
        logger.warning("renditions of broadcast %s: %s", broadcast.pk, type(error).__name__)
        found = None
    renditions = found.renditions if found else {}
    rows = []
    for name in broadcast.ladder:
        facts = renditions.get(name, {})
        size = f"{facts['width']}x{facts['height']}" if facts.get("width") else "–"
        rate = f"{facts['bandwidth'] // 1000} kbit/s" if facts.get("bandwidth") else "–"
        rows.append((name, size, rate, facts.get("codecs", "–")))
    return table([_("rendition"), _("size"), _("bit rate"), _("codecs")], rows)


def leases(broadcast: Broadcast) -> Words:
    found = list(broadcast.leases.order_by("rendition"))
    if not found:
        return _("none")
    rows = [
        (one.rendition, one.worker, one.epoch, one.failures, _("withdrawn") if one.withdrawn else _clock(one.expires_at))
        for one in found
    ]
    return table([_("rendition"), _("worker"), _("epoch"), _("failures in a row"), _("held until")], rows)


def _clock(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_rounded(one)}" for name, one in value.items())
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return round(value, 1) if isinstance(value, float) else value
