"""What the code relies on in any engine: writes to one document happen one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from tests.live import Site

WRITERS = 16
Documents = Collection[dict[str, Any]]


@pytest.fixture
def documents(site: Site) -> Iterator[Documents]:
    name = f"test_{secrets.token_hex(8)}"
    with MongoClient[dict[str, Any]](site.env["MONGODB_URI"], maxPoolSize=WRITERS) as client:
        yield client[name]["documents"]
        client.drop_database(name)


def test_no_increment_is_lost(documents: Documents) -> None:
    def count(_: int) -> None:
        for _ in range(25):
            documents.update_one({"_id": "alice:19"}, {"$inc": {"minutes.7": 1}, "$max": {"peak": 3}}, upsert=True)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(count, range(WRITERS)))
    assert documents.find_one("alice:19") == {"_id": "alice:19", "minutes": {"7": WRITERS * 25}, "peak": 3}


def test_a_compare_and_set_has_one_winner(documents: Documents) -> None:
    for round_ in range(20):
        documents.insert_one({"_id": round_, "owner": None})

        def claim(who: int, key: int = round_) -> int:
            return documents.update_one({"_id": key, "owner": None}, {"$set": {"owner": who}}).modified_count

        with ThreadPoolExecutor(WRITERS) as pool:
            assert sum(pool.map(claim, range(WRITERS))) == 1


def test_a_duplicate_is_told_as_one(documents: Documents) -> None:
    documents.create_index("name", unique=True)
    documents.insert_many([{"_id": 1, "name": "alice"}, {"_id": 2, "name": "bob"}])
    with pytest.raises(DuplicateKeyError):
        documents.insert_one({"_id": 1, "name": "carol"})
    with pytest.raises(DuplicateKeyError):
        documents.update_one({"_id": 2}, {"$set": {"name": "alice"}})


def test_a_write_that_waits_for_no_answer_leaves_the_connection_usable(documents: Documents) -> None:
    hasty = documents.with_options(write_concern=WriteConcern(w=0))
    for number in range(10):
        hasty.insert_one({"_id": number})
        assert documents.count_documents({"_id": -1}) == 0
    assert documents.count_documents({}) == 10
