from tests.cast import alice, quick_passwords
from tests.pages import plain_static
from tests.stores import key_store, own_cache

__all__ = ["alice", "key_store", "own_cache", "plain_static", "quick_passwords"]
