"""Who asks: the holder of a token, whose account is in good standing."""

from __future__ import annotations

import datetime as dt
import re

from django.utils import timezone
from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import ApiToken, Channel, User

TOKEN = re.compile(rb"api_[0-9a-f]{64}")
NOTED_EVERY = dt.timedelta(minutes=1)  # a write for every request would be too many


class TokenAuthentication(KnoxAuthentication):
    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        if not TOKEN.fullmatch(token):
            raise AuthenticationFailed(_("This is not a token of this site. Make one under Account, Tokens."))
        return super().authenticate_credentials(token)

    def validate_user(self, auth_token: ApiToken) -> tuple[User, ApiToken]:
        now = timezone.now()
        user, _token = super().validate_user(auth_token)
        channel = Channel.objects.filter(owner=user).first()
        if channel and channel.is_suspended(now):
            raise AuthenticationFailed(_("The channel of this account is suspended."))
        note_use(auth_token, now)
        return user, auth_token


def note_use(token: ApiToken, now: dt.datetime) -> None:
    if token.last_used_at is None or now - token.last_used_at > NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
