from tests.cast import alice, bob, carol, channel, mallory, quick_passwords
from tests.interactions.rooms import clean_queue, control, layer, moderator
from tests.pages import plain_static
from tests.stores import dead_key_store, key_store, own_cache

__all__ = [
    "alice",
    "bob",
    "carol",
    "channel",
    "clean_queue",
    "control",
    "dead_key_store",
    "key_store",
    "layer",
    "mallory",
    "moderator",
    "own_cache",
    "plain_static",
    "quick_passwords",
]
