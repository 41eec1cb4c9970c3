"""What people are told in pages when something is refused; in the room its own page has words for the codes."""

from __future__ import annotations

from interactions.protocol import Refused

WORDS = {
    "forbidden": "That is not for you to do: it concerns the owner of the room, or somebody of your own rank or above.",
    "claimed": "Another moderator has claimed it.",
    "not_found": "It is not there any more.",
    "busy": "The chat's store does not answer. Try again in a minute.",
    "bad_message": "One of the values makes no sense.",
    "timeout": "You are in a timeout: wait until it ends.",
    "banned": "You are banned from this room.",
    "site_banned": "You are banned from the site's chats.",
}


def words(refused: Refused) -> str:
    return WORDS.get(refused.code, f"It was refused: {refused.code}.")
