from tests.cast import alice, channel, quick_passwords
from tests.pages import plain_static
from tests.stores import own_cache

__all__ = ["alice", "channel", "own_cache", "plain_static", "quick_passwords"]
