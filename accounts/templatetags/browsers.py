from __future__ import annotations

from django import template
from django.utils.translation import gettext as _

register = template.Library()

# The first that is found: most name others as well.
BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "CriOS": "Chrome", "Safari": "Safari"}
SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "Mac", "Linux": "Linux"}


@register.filter
def browser(user_agent: str) -> str:
    """What its user would call it; what is not known speaks for itself."""
    name, system = (next((said for sign, said in known.items() if sign in user_agent), "") for known in (BROWSERS, SYSTEMS))
    if name and system:
        return _("{browser} on {system}").format(browser=name, system=system)
    return name or system or user_agent[:80] or _("Unknown browser")
