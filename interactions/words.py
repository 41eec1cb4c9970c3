"""What people are told in pages when something is refused; in the room its own page has words for the codes."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from interactions.protocol import Refused

WORDS = {
    "forbidden": _("That is not for you to do: it concerns the owner of the room, or somebody of your own rank or above."),
    "claimed": _("Another moderator has claimed it."),
    "not_found": _("It is not there any more."),
    "busy": _("The chat's store does not answer. Try again in a minute."),
    "bad_message": _("One of the values makes no sense."),
    "timeout": _("You are in a timeout: wait until it ends."),
    "banned": _("You are banned from this room."),
    "site_banned": _("You are banned from the site's chats."),
}


def words(refused: Refused) -> str:
    if refused.code in WORDS:
        return str(WORDS[refused.code])
    return gettext("It was refused: %(code)s.") % {"code": refused.code}
