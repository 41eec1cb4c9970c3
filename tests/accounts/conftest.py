from tests.cast import alice, bob, carol, channel, mallory, quick_passwords
from tests.pages import plain_static
from tests.stores import dead_key_store, key_store, own_cache

__all__ = [
    "alice",
    "bob",
    "carol",
    "channel",
    "dead_key_store",
    "key_store",
    "mallory",
    "own_cache",
    "plain_static",
    "quick_passwords",
]
