"""What allauth asks of the site: its name in mails, and how second factors are made and kept."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from axes.utils import reset
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    def format_email_subject(self, subject: str) -> str:
        return f"[{settings.SITE_NAME}] {subject}"

    def set_password(self, user: User, password: str) -> None:
        """Whoever could choose a new password is no guesser: what others have tried no longer keeps them out."""
        super().set_password(user, password)
        reset(username=user.email)


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
