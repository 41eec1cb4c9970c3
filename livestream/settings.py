"""Every setting, read from the environment.

Beside a running `script/server` the embedded stores' addresses come from var/server/env (LIVESTREAM_ENV names another such
file); a variable that is already set wins over the file.
"""

import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

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
PUBLIC_URL = env.str("PUBLIC_URL", "http://localhost:8000").rstrip("/")
# The RTMP server and health checks of this machine come by the loopback address, whatever the site is called.
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=["localhost"]), "127.0.0.1"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])
SITE_NAME = env.str("SITE_NAME", "Livestream")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "accounts",
    "streams",
    "interactions",
]

MIDDLEWARE = [
    "livestream.middleware.KeepOutOfCaches",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
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
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "var/static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- stores ---------------------------------------------------------------------------------------------------------------

# A paused store must not hang a process: every client gives up after this many seconds.
STORE_TIMEOUT_S = 3

DATABASES = {"default": env.db_url("DATABASE_URL")}
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
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"

# --- accounts -------------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
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
ACCOUNT_SESSION_REMEMBER = True
ALLAUTH_TRUSTED_PROXY_COUNT = 1  # the edge writes X-Forwarded-For itself
# While there is no administrator, /accounts/first-administrator/TOKEN/ makes one.
FIRST_ADMIN_TOKEN = env.str("FIRST_ADMIN_TOKEN", "")
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "home"

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "livestream@localhost")

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": f"{SITE_NAME} API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
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
ENCODER_SLOTS = env.int("ENCODER_SLOTS", 20)  # encode jobs (one rendition each) that one `runencoder` takes at a time

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"discreet": {"()": "livestream.logs.Discreet"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["discreet"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "procrastinate": {"level": "WARNING"}},
}
