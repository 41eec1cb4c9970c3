"""Every setting, read from the environment.

Beside a running `script/server` the embedded stores' addresses come from var/server/env (LIVESTREAM_ENV names another such
file); a variable that is already set wins over the file.
"""

import datetime as dt
import os
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from livestream import machine
from livestream.logs import FORMATTERS

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
ENV_FILE = Path(os.environ.get("LIVESTREAM_ENV", BASE_DIR / "var/server/env"))
if ENV_FILE.exists():
    env.read_env(ENV_FILE)

# --- the site -------------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY is too short: give at least 32 random characters")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])  # earlier ones, so that what they have sealed still opens
PUBLIC_URL = env.str("PUBLIC_URL", "http://localhost:8000").rstrip("/")
# The RTMP server and health checks of this machine come by the loopback address, whatever the site is called.
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=["localhost"]), "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
SITE_NAME = env.str("SITE_NAME", "Livestream")

INSTALLED_APPS = [
    "livestream.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "axes",
    "channels",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "procrastinate.contrib.django",
    "accounts",
    "streams",
    "interactions",
]

MIDDLEWARE = [
    "livestream.middleware.NameRequests",
    "livestream.middleware.KeepOutOfCaches",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.staff.SecondFactor",
    "axes.middleware.AxesMiddleware",  # the last: it replaces the answer to a login that is locked out
]

ROOT_URLCONF = "livestream.urls"
ASGI_APPLICATION = "livestream.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "livestream.context.site",
            ],
        },
    }
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]  # another one: script/messages, and a catalogue without gaps
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "var/static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # as much as the edge lets in: whoever is killed leaves no temporary file behind
MEDIA_URL = "media/"
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(BASE_DIR / "var/media")))  # avatars and posters
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- stores ---------------------------------------------------------------------------------------------------------------

# A paused store must not hang a process: every client gives up after this many seconds.
STORE_TIMEOUT_S = 3

DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["ENGINE"] = "livestream.postgresql"
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True  # it may have been restarted meanwhile
DATABASES["default"]["OPTIONS"] = DATABASES["default"].get("OPTIONS", {}) | {
    "connect_timeout": STORE_TIMEOUT_S,
    "options": f"-c statement_timeout={STORE_TIMEOUT_S}s -c lock_timeout={STORE_TIMEOUT_S}s",
    "tcp_user_timeout": STORE_TIMEOUT_S * 1000,
}
MONGODB_URI = env.str("MONGODB_URI")
SEGMENTS_REDIS_URL = env.str("SEGMENTS_REDIS_URL")
CONTROL_REDIS_URL = env.str("CONTROL_REDIS_URL")

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": CONTROL_REDIS_URL,
        "KEY_PREFIX": "cache",
        "OPTIONS": {
            "CLIENT_CLASS": "django_redis.client.DefaultClient",
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": STORE_TIMEOUT_S,
            "IGNORE_EXCEPTIONS": True,  # sessions fall back to PostgreSQL
        },
    }
}
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [CONTROL_REDIS_URL], "prefix": "layer"},
    }
}
# The store without which this pool answers nobody: the others do less then, but go on.
NEEDED_STORE = {"origin": "redis_segments", "chat": "redis_control"}.get(env.str("POOL", "web"), "postgresql")
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"

# --- accounts -------------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # the first: it refuses who guesses
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", "optional")
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_CHANGE_EMAIL = True  # the old address counts until the new one is confirmed
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before an address or a password is changed
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of changes that a thief would make
ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the edge writes X-Forwarded-For itself
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False  # accounts.limits has them, each counted in one step
MFA_ADAPTER = "accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True  # the first administrator needs a second factor before the site can send mail
MFA_FORMS = {
    "authenticate": "accounts.codes.SecondFactorForm",
    "reauthenticate": "accounts.codes.ReauthenticationForm",
    "activate_totp": "accounts.codes.ActivationForm",
    "add_webauthn": "accounts.passkeys.AddForm",
    "login_webauthn": "accounts.passkeys.LoginForm",
    "authenticate_webauthn": "accounts.passkeys.SecondFactorForm",
    "reauthenticate_webauthn": "accounts.passkeys.ReauthenticationForm",
}
# The administration is for staff with an authenticator app or a passkey. Off: for development alone.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", True)

# How fast anybody may try is limited in Redis; this stops who goes on slowly, in PostgreSQL, per account and per address.
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURES", 20)
AXES_COOLOFF_TIME = dt.timedelta(hours=1)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
AXES_RESET_ON_SUCCESS = False  # else a login of one's own now and then would let anybody guess on
AXES_USERNAME_FORM_FIELD = "email"
AXES_USERNAME_CALLABLE = "accounts.staff.account"
AXES_CLIENT_IP_CALLABLE = "accounts.staff.address"
AXES_LOCKOUT_TEMPLATE = "429.html"
AXES_DISABLE_ACCESS_LOG = True  # everybody has a list of their own sessions
AXES_SENSITIVE_PARAMETERS = ["login", "email", "username", "ip_address", "code", "credential", "csrfmiddlewaretoken"]
AXES_VERBOSE = False

# While there is no administrator, /accounts/first-administrator/TOKEN/ makes one.
FIRST_ADMIN_TOKEN = env.str("FIRST_ADMIN_TOKEN", "")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "home"

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "livestream@localhost")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if PUBLIC_URL.startswith("https://") else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # what else is below this host is not ours to decide
    "security.W008",  # what ends TLS redirects to it; the RTMP server and Prometheus come by the loopback address, without
    "security.W021",
]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"  # only the embed page may be framed
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # The nonce is for the import map, and for the styles that the player's controls bring along.
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],  # Bootstrap's icons are data:
        "media-src": [SELF, "blob:"],  # Media Source Extensions
        "worker-src": [SELF, "blob:"],
        "connect-src": [SELF, PUBLIC_URL.replace("http", "ws", 1)],  # 'self' has no sockets in older Safaris
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- what expires ---------------------------------------------------------------------------------------------------------

ADDRESSES_KEPT_DAYS = env.int("ADDRESSES_KEPT_DAYS", 30)  # of publishers, sessions and failed logins
KEYS_KEPT_DAYS = env.int("KEYS_KEPT_DAYS", 30)  # stream keys, after they were revoked or have expired
CASES_KEPT_DAYS = env.int("CASES_KEPT_DAYS", 90)  # reports and held messages, after they were decided

# --- the API --------------------------------------------------------------------------------------------------------------

API_ANONYMOUS_PER_MINUTE = env.int("API_ANONYMOUS_PER_MINUTE", 60)  # requests of one address without an account
API_USER_PER_MINUTE = env.int("API_USER_PER_MINUTE", 600)  # requests of one account
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "accounts.api.scopes.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["livestream.throttles.PerMinute"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.strict.Parser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "accounts.api.schema.Schema",
    "EXCEPTION_HANDLER": "livestream.problems.handle",
    "DEFAULT_PAGINATION_CLASS": "accounts.api.pages.Pages",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
}
KNOX_TOKEN_MODEL = "accounts.ApiToken"
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "api_", "TOKEN_TTL": None}
MIGRATION_MODULES = {"knox": None}  # its table is not used
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SITE_NAME} API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "BroadcastState": "streams.models.Broadcast.State",
        "KeyState": ["active", "expired", "revoked"],
    },
    "SCHEMA_PATH_PREFIX": "/api/v[0-9]+",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- ingest and encoding --------------------------------------------------------------------------------------------------

RTMP_PUBLIC_URL = env.str("RTMP_PUBLIC_URL", "rtmp://localhost:1935/live")  # what streamers copy
RTMP_URL = env.str("RTMP_URL", "rtmp://127.0.0.1:1935/live")  # where encoders read
RTMP_CONTROL_URL = env.str("RTMP_CONTROL_URL", "http://127.0.0.1:8081")  # the RTMP server's /stat and /control
RTMP_HOOK_SECRET = env.str("RTMP_HOOK_SECRET")
if len(RTMP_HOOK_SECRET) < 20:
    raise ImproperlyConfigured("RTMP_HOOK_SECRET is too short: give at least 20 random characters")
FFMPEG = env.str("FFMPEG", "ffmpeg")
X264_PRESET = env.str("X264_PRESET", "veryfast")
LARGEST_TRANSCODE = env.int("LARGEST_TRANSCODE", 720)  # its shorter side in pixels; the lowest is always made
LOAD_SHEDDING = env.bool("LOAD_SHEDDING", True)  # stop the costliest transcode where encoders are late
# encode jobs (one rendition each) that one `runencoder` takes at a time
ENCODER_SLOTS = env.int("ENCODER_SLOTS", machine.encoder_slots(machine.cores(), machine.memory_mb()))

# --- chat -----------------------------------------------------------------------------------------------------------------

# WebRTC peers of one process; each costs ten times a WebSocket. 0: WebSocket alone
CHAT_PEERS = env.int("CHAT_PEERS", machine.chat_peers(machine.cores(), machine.memory_mb()))
# Which addresses WebRTC answers name: this machine's own (only there do peers listen then), or those that a NAT in front of
# it has (every port as it is). Empty: all of this machine but loopback; its private ones only for viewers who come from such
# an address themselves, or where it has no others.
CHAT_ICE_ADDRESSES = env.list("CHAT_ICE_ADDRESSES", default=[])
CHAT_SOCKETS_PER_ADDRESS = env.int("CHAT_SOCKETS_PER_ADDRESS", 60)  # of one address (IPv6: one /64), at one process
# For viewers whose network lets no UDP through to here: a TURN server, and the secret that it shares (coturn: use-auth-secret).
TURN_URL = env.str("TURN_URL", "")
TURN_SECRET = env.str("TURN_SECRET", "")
if TURN_URL and not TURN_SECRET:
    raise ImproperlyConfigured("TURN_URL is set without TURN_SECRET: give the secret that the TURN server knows")

LOG_FORMAT = env.str("LOG_FORMAT", "text")
if LOG_FORMAT not in FORMATTERS:
    raise ImproperlyConfigured(f"LOG_FORMAT={LOG_FORMAT} is unknown: choose {' or '.join(FORMATTERS)}")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"chosen": {"()": FORMATTERS[LOG_FORMAT]}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "chosen"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "procrastinate", "aioice", "aiortc", "axes")},
}
