"""The pages that are looked at as a whole, and who looks."""

from __future__ import annotations

from tests.browser.conftest import Visitor
from tests.live import Site

CHANNEL = {"title": "The Silk Road, drawn from memory", "tags": ["maps"], "language": "en", "description": "Maps, mostly."}


def furnish(site: Site, name: str) -> None:
    """Says something of the channel, and has it look live in the list; the page itself is told that it is not."""
    site.manage("shell", "--no-imports", "--command", FURNISH.format(name=name, channel=CHANNEL))


FURNISH = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import Category, Channel
from streams.models import Broadcast, ScheduledBroadcast
now = timezone.now()
Channel.objects.filter(name="{name}").update(category=Category.objects.first(), **{channel})
channel = Channel.objects.get(name="{name}")
ScheduledBroadcast.objects.create(channel=channel, title="Rivers", starts_at=now + timedelta(days=1))
given = dict(channel=channel, session="b:1", ingest_name="x", key_hash="h", ladder=["source"], live_at=now, started_at=now)
Broadcast.objects.create(state="ended", title="The amber road", ended_at=now + timedelta(minutes=83), **given)
"""


def paths(alice: Visitor) -> list[str]:
    return [
        "/",
        f"/?q={alice.name}",
        "/?q=nobody-is-called-so",
        f"/@{alice.name}/",
        f"/embed/{alice.name}/",
        "/dashboard/",
        "/accounts/email/",
        "/accounts/tokens/",
        "/nowhere/",
    ]


STRANGERS = ["/accounts/login/", "/accounts/signup/"]
