from django.conf import settings
from django.http import HttpRequest

from livestream import theme


def site(request: HttpRequest) -> dict[str, object]:
    return {"SITE_NAME": settings.SITE_NAME, "theme": theme.of(request), "themes": theme.THEMES}
