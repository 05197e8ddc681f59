"""One settings file; the environment decides. Every variable is read here and nowhere else."""

import logging
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

DEFAULT_KEY = "demonstration-key-never-for-real-people"  # `serve` refuses it outside a demo

PACKAGE = Path(__file__).parents[1]
VAR = Path(os.environ.get("VAR", "var")).resolve()
DEBUG = os.environ.get("MAILLAGE_DEBUG", "") == "1"
SECRET_KEY = os.environ.get("MAILLAGE_SECRET_KEY") or DEFAULT_KEY
# The keys of what is encrypted in the database: a file (replaced while serving), or their text.
KEY_FILE = os.environ.get("MAILLAGE_KEY_FILE", "")
KEYS = os.environ.get("MAILLAGE_KEYS", "")
SITE_URL = (
    os.environ.get("MAILLAGE_SITE_URL") or f"http://localhost:{os.environ.get('PORT', '8000')}"
).rstrip("/")  # written in the links of mails and SMS
# Behind TLS the cookies take the __Host- prefix and the browser is told to stay on https.
SECURE = os.environ.get("MAILLAGE_HTTPS", "1" if SITE_URL.startswith("https://") else "") == "1"
ALLOWED_HOSTS = [
    host
    for host in os.environ.get("MAILLAGE_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
    if host
]
ALLOWED_HOSTS.append(urlsplit(SITE_URL).hostname or "")
CSRF_TRUSTED_ORIGINS = [SITE_URL]


def database(url: str) -> dict[str, object]:
    """`postgres://user:password@host:port/name` or an empty text for SQLite under VAR."""
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR / "maillage.sqlite3",
            "OPTIONS": {
                # Writers queue instead of failing at once; an acknowledged write survives a power cut.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                "PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            "MAILLAGE_DATABASE_URL doit commencer par postgres:// "
            "(laissez-la vide pour SQLite sous VAR)."
        )
    return {
        "ENGINE": "maillage.kernel.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"options": "-c idle_in_transaction_session_timeout=30000"},
    }


DATABASES = {"default": database(os.environ.get("MAILLAGE_DATABASE_URL", ""))}
# The role that owns the tables: it migrates, copies and restores. The one above only serves.
OWNER_DATABASE = (
    database(os.environ["MAILLAGE_OWNER_DATABASE_URL"])
    if os.environ.get("MAILLAGE_OWNER_DATABASE_URL") and os.environ.get("MAILLAGE_DATABASE_URL")
    else None
)
APPLICATION_ROLE = DATABASES["default"]["USER"] if OWNER_DATABASE else ""
# The key of the copies, apart from what it opens: never under VAR, never in the database.
BACKUP_KEY_FILE = (
    Path(os.environ["MAILLAGE_BACKUP_KEY_FILE"])
    if os.environ.get("MAILLAGE_BACKUP_KEY_FILE")
    else None
)
# `serve` says when the last copy is older.
BACKUP_HOURS = int(os.environ.get("MAILLAGE_BACKUP_HOURS", "24"))
# Of each worker of the server: how many acts, and how many readings, it works on at once (SQLite takes
# one writer at a time: more would only wait for it), and how many more requests wait in line before
# one is told to come back.
REQUESTS_AT_ONCE = 2
REQUESTS_WAITING = int(os.environ.get("MAILLAGE_WAITING", "100"))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django_linear_migrations",
    "maillage.kernel",
    "maillage.territory",
    "maillage.accounts",
    "maillage.directory",
    "maillage.residents",
    "maillage.availability",
    "maillage.snp",
    "maillage.medecin_traitant",
    "maillage.public",
    "maillage.home",
    "maillage.rights",
    "maillage.demo",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "maillage.config.middleware.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "maillage.config.middleware.TenantMiddleware",
]

ROOT_URLCONF = "maillage.config.urls"
WSGI_APPLICATION = "maillage.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "APP_DIRS": True,  # <app>/jinja2/<app>/x.html: our pages
        "OPTIONS": {
            "environment": "maillage.config.jinja.environment",
            "context_processors": ["maillage.config.jinja.frame"],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,  # pages of third-party apps, dressed in accounts/templates
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "maillage.config.jinja.demo_mark",
            ]
        },
    },
]
FORM_RENDERER = "maillage.config.jinja.FormRenderer"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["maillage.accounts.gateway.backends.Backend"]
SESSION_ENGINE = "maillage.accounts.gateway.session_store"
PASSWORD_HASHERS = [  # the first makes; the second still opens older accounts, once
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "given_name", "family_name"]},
    },
    {"NAME": "maillage.config.login.NotGuessed", "OPTIONS": {"at_least": 12}},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home:start"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "maillage.config.login.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[maillage] "
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PREVENT_ENUMERATION = True
# An address is the key of an invitation: nobody gives themselves another, proven or not.
ACCOUNT_MAX_EMAIL_ADDRESSES = 1
ACCOUNT_SESSION_REMEMBER = False
# Nothing is kept in a cache: each process would have its own.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
# Pro Santé Connect: no issuer, no button. The discovery document may live elsewhere than usual.
PSC_ISSUER = os.environ.get("MAILLAGE_PSC_ISSUER", "").rstrip("/")
PSC_DISCOVERY = os.environ.get("MAILLAGE_PSC_DISCOVERY", "")
PSC_CLIENT_ID = os.environ.get("MAILLAGE_PSC_CLIENT_ID", "")
PSC_CLIENT_SECRET = os.environ.get("MAILLAGE_PSC_CLIENT_SECRET", "")
# Tries are counted in the database (accounts.Throttle), for every process together: the library's own
# limits, kept in a cache that each process has for itself, are off.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_FORMS = {"reset_password": "maillage.config.login.ResetForm"}
MFA_ADAPTER = "maillage.config.second_factor.SealedSecrets"
MFA_FORMS = {
    "authenticate": "maillage.config.second_factor.CodeForm",
    "reauthenticate": "maillage.config.second_factor.CodeAgainForm",
    "activate_totp": "maillage.config.second_factor.ActivateForm",
    "add_webauthn": "maillage.config.second_factor.AddKeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"  # a key alone is one factor; a key and its code are two
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE  # http://localhost
MFA_TOTP_ISSUER = "maillage"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # nobody signs up: the address was written to by the invitation
# How many proxies of ours write X-Forwarded-For before the server; one where there is TLS.
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("MAILLAGE_PROXIES", "1" if SECURE else "0"))
SESSION_COOKIE_AGE = 10 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

LANGUAGE_CODE = "fr"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Europe/Paris"

STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

EMAIL_HOST = os.environ.get("MAILLAGE_SMTP_HOST", "localhost")
EMAIL_PORT = int(os.environ.get("MAILLAGE_SMTP_PORT", "25"))
EMAIL_HOST_USER = os.environ.get("MAILLAGE_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("MAILLAGE_SMTP_PASSWORD", "")
EMAIL_USE_TLS = os.environ.get("MAILLAGE_SMTP_TLS", "") == "1"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("MAILLAGE_FROM", "ne-pas-repondre@localhost")
# The last line of each journal, kept outside the database: better still on another machine.
ANCHOR_FILE = Path(os.environ.get("MAILLAGE_ANCHOR_FILE") or VAR / "journal-heads.jsonl")
SMS_GATEWAY_URL = os.environ.get("MAILLAGE_SMS_URL", "")
SMS_GATEWAY_KEY = os.environ.get("MAILLAGE_SMS_KEY", "")
# The State's public geography API, as documented in November 2026.
GEO_API_URL = os.environ.get("MAILLAGE_GEO_API") or "https://geo.api.gouv.fr"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Sent to a browser whose session has just ended.
CLEAR_SITE_DATA = '"cache", "cookies", "storage"'
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "maillage.home.views.csrf_failure"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "__Host-sessionid" if SECURE else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if SECURE else "csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE


def hide_links(record: logging.LogRecord) -> bool:
    """A signed link acts for whoever holds it: the log says where, never with what."""
    record.msg = re.sub(r"/(r|key)/[^/\s]+", r"/\1/…", record.getMessage())
    record.args = ()
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"links": {"()": "django.utils.log.CallbackFilter", "callback": hide_links}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["links"]}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
