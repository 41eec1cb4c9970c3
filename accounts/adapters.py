"""What allauth asks of the site: its name in mails, how often it tries, and how second factors are made and kept."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from axes.utils import reset
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest

from accounts.limits import FAILURES_OF, Guess, hidden, may_confirm
from accounts.models import User
from accounts.staff import account


class AccountAdapter(DefaultAccountAdapter):
    def format_email_subject(self, subject: str) -> str:
        return f"[{settings.SITE_NAME}] {subject}"

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        guess = Guess.begun(request, hidden(account(request, credentials) or ""))
        user: User | None = super().authenticate(request, **credentials)
        if user:
            guess.was_right()
        return user

    def set_password(self, user: User, password: str) -> None:
        """Whoever could choose a new password is no guesser: what others have tried no longer keeps them out."""
        super().set_password(user, password)
        FAILURES_OF.forget(hidden(user.email))
        reset(username=user.email)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        if may_confirm(request, emailconfirmation.email_address.email):
            super().send_confirmation_mail(request, emailconfirmation, signup)

    def send_account_already_exists_mail(self, email: str) -> None:
        """In the place of one to confirm it, where nobody is to learn who has an account."""
        if may_confirm(context.request, email):
            super().send_account_already_exists_mail(email)


class MFAAdapter(DefaultMFAAdapter):
    """Keys belong to the host of PUBLIC_URL, by whatever name a request has come."""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": urlsplit(settings.PUBLIC_URL).hostname or "", "name": settings.SITE_NAME}

    def get_totp_issuer(self) -> str:
        return settings.SITE_NAME

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text).decode()


def _box() -> MultiFernet:
    """Secrets of authenticator apps are worth nothing to whoever has the database alone."""
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(hashlib.sha256(b"second factors\0" + secret.encode()).digest())
