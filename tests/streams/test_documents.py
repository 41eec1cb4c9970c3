from __future__ import annotations

import datetime as dt
import re

import pytest

from streams.documents import StreamKey, key_hash

pytestmark = pytest.mark.usefixtures("key_store")
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def test_a_key_has_a_public_part_and_160_random_bits() -> None:
    key, text = StreamKey.issue(7, NOW)
    assert re.fullmatch(rf"live_{key.public_id}_[0-9a-f]{{40}}", text)
    assert StreamKey.issue(7, NOW)[1] != text


def test_only_the_hash_is_stored() -> None:
    _, text = StreamKey.issue(7, NOW, "OBS")
    stored = StreamKey._get_collection().find_one({"_id": key_hash(text)})
    assert stored is not None
    assert text.rsplit("_", 1)[1] not in str(stored)
    assert stored["channel_id"] == 7 and stored["label"] == "OBS"


def test_a_channel_sees_its_own_keys_newest_first() -> None:
    first, _ = StreamKey.issue(7, NOW)
    second, _ = StreamKey.issue(7, NOW + HOUR)
    StreamKey.issue(8, NOW)
    assert [key.public_id for key in StreamKey.of_channel(7)] == [second.public_id, first.public_id]


def test_a_key_expires_at_its_moment() -> None:
    key, _ = StreamKey.issue(7, NOW, expires_at=NOW + HOUR)
    assert key.state(NOW + HOUR - dt.timedelta(microseconds=1)) == "active"
    assert key.state(NOW + HOUR) == "expired"


def test_a_revoked_key_stays_revoked_after_its_expiry() -> None:
    key, text = StreamKey.issue(7, NOW, expires_at=NOW + HOUR)
    key.revoke(NOW)
    stored = StreamKey.objects(hash=key_hash(text)).first()
    assert stored.revoked_at == NOW
    assert stored.state(NOW + 2 * HOUR) == "revoked"


def test_a_key_without_an_expiry_lasts() -> None:
    _, text = StreamKey.issue(7, NOW)
    stored = StreamKey.objects(hash=key_hash(text)).first()
    assert stored.state(NOW + dt.timedelta(days=9999)) == "active"
