from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from livestream import language, theme


def site(request: HttpRequest) -> dict[str, object]:
    return {
        "SITE_NAME": settings.SITE_NAME,
        "theme": theme.of(request),
        "themes": theme.THEMES,
        "words_url": language.words_url(get_language() or settings.LANGUAGE_CODE),
    }
