"""Fills the running site's database with channels: manage.py shell --command "from benchmarks.crowd import fill; fill(…)"."""

from __future__ import annotations

import datetime as dt
import random

from django.test import Client
from django.utils import timezone

from accounts.languages import LANGUAGES
from accounts.models import Category, Channel, Follow, User
from streams.models import Broadcast

SEED = 20
FOLLOWED = 200
CROWD = "crowd"
WORDS = """amber anchor autumn basket birch canvas castle cedar chess cloud copper coral desert echo ember
falcon fern flute forest garden glass granite harbour hazel indigo island ivory jazz kettle lantern
ledger lemon maple marble meadow mirror mountain needle night ocean orchard paper pepper pilot
planet quartz raven river saddle salt shadow silk silver signal spruce stone storm summer thunder
timber tunnel valley velvet violet walnut water willow winter wool yarn zephyr""".split()  # noqa: SIM905
TAGS = WORDS[::3]


def fill(channels: int, live: int) -> None:
    """As many channels, and as many of them live; prints the session of somebody who follows 200."""
    clear()
    chance = random.Random(SEED)
    users = User.objects.bulk_create([User(email=f"{CROWD}{number}@example.org", password="!") for number in range(channels)])
    categories = list(Category.objects.all())
    made = Channel.objects.bulk_create([channel_of(user, number, categories, chance) for number, user in enumerate(users)])
    on_air = chance.sample(made, live)
    Broadcast.objects.bulk_create([broadcast_of(channel, chance, timezone.now()) for channel in on_air])
    Follow.objects.bulk_create([Follow(user=users[0], channel=channel) for channel in chance.sample(made[1:], FOLLOWED)])
    client = Client()
    client.force_login(users[0])
    print(client.cookies["sessionid"].value)


def clear() -> None:
    User.objects.filter(email__startswith=CROWD).delete()


def channel_of(user: User, number: int, categories: list[Category], chance: random.Random) -> Channel:
    name = f"{chance.choice(WORDS)}_{chance.choice(WORDS)}_{number}"
    title = " ".join(chance.choices(WORDS, k=chance.randint(3, 9))).capitalize()
    about = {"category": chance.choice(categories), "language": chance.choice(list(LANGUAGES)), "tags": chance.sample(TAGS, 3)}
    return Channel(owner=user, name=name, title=title, **about)


def broadcast_of(channel: Channel, chance: random.Random, now: dt.datetime) -> Broadcast:
    given = {"session": "crowd:1", "ingest_name": channel.name, "key_hash": "none", "ladder": ["source"]}
    began = now - dt.timedelta(minutes=chance.randint(1, 600))
    return Broadcast(channel=channel, state=Broadcast.State.LIVE, title=channel.title, started_at=began, live_at=began, **given)
