"""Django's settings for the portal, the API, jobs and the command line. The back office has its own on top of these."""

from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _
from psycopg.conninfo import conninfo_to_dict

from warchest.runtime.configuration import configuration
from warchest.runtime.databases import aliases, database_server, owner, reader
from warchest.runtime.postgres import UnableToStartPostgres
from warchest.runtime.roles import Role
from warchest.runtime.secrets import home, text_secret

_configuration = configuration()
_package = Path(__file__).resolve().parent.parent

SECRET_KEY = text_secret("django")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]
if _configuration.web.public_url:
    ALLOWED_HOSTS.append(urlsplit(_configuration.public_url).hostname or "localhost")

INSTALLED_APPS = [
    "warchest.web.portal",
    "warchest.api",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "ninja",
    "procrastinate.contrib.django",
    "warchest.runtime",
    "warchest.ledger",
    "warchest.members",
    "warchest.catalogue",
    "warchest.accounting",
    "warchest.audit",
    "warchest.charging",
    "warchest.payments",
    "warchest.cards",
    "warchest.subscriptions",
    "warchest.referrals",
    "warchest.statistics",
    "warchest.delivery",
    "warchest.config",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "warchest.web.middleware.RequestContextMiddleware",
    "warchest.web.middleware.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "warchest.config.urls"
WSGI_APPLICATION = "warchest.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "warchest.web.context.community",
            ]
        },
    }
]


# Nobody waits for ever for another's lock, and nobody holds one while asleep. Whoever changes the schema gives up before
# those who wait behind it do. A statement has no time-out, whatever the server says: PostgreSQL answers a commit that is
# cut short while it waits for a replica as if it were safe.
_SESSION = {
    role: f"-c lock_timeout={wait_s}s -c idle_in_transaction_session_timeout=120s -c statement_timeout=0"
    for role, wait_s in ((Role.JOURNEY, 10), (Role.READER, 10), (Role.OWNER, 3))
}


def _database(alias: str, role: Role) -> dict[str, object]:
    try:
        parts = conninfo_to_dict(database_server(alias).dsn(role))
    except UnableToStartPostgres:
        # Nothing has been started in this home yet: commands that need no database go on.
        parts = {}
    known = {name: parts.pop(name, "") for name in ("dbname", "user", "password", "host", "port", "options")}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known["dbname"] or "warchest",
        "USER": str(role),
        "PASSWORD": known["password"],
        # Of a server that fails over: several, with commas.
        "HOST": known["host"] or "127.0.0.1",
        "PORT": str(known["port"]),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            "connect_timeout": 5,
            # A host that went dark says no goodbye: its connections are given up within half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
            # What else the URL says is the driver's business: target_session_attrs, sslmode, …
            **parts,
            "options": f"{known['options']} {_SESSION[role]}".strip(),
        },
    }


# 'default' is the coordinator: the ledger's database. A reader may only SELECT; an owner only migrates.
DATABASES = {
    connection: _database(alias, role)
    for alias in aliases()
    for connection, role in (
        (alias, Role.JOURNEY),
        (reader(alias), Role.READER),
        (owner(alias), Role.OWNER),
    )
}
DATABASE_ROUTERS = ["warchest.config.routers.ServiceRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "members.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    # Of players who came from an older system, until they sign in.
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "warchest.members.hashers.ForeignBCryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
CSRF_FAILURE_VIEW = "warchest.web.portal.views.errors.form_too_old"
LOGIN_URL = "portal:sign-in"
LOGIN_REDIRECT_URL = "portal:home"

# Cookies ignore ports: the back office has others, so that neither face ever sees the other's session.
SESSION_COOKIE_NAME = "warchest_portal_session"
CSRF_COOKIE_NAME = "warchest_portal_csrf"
LANGUAGE_COOKIE_NAME = "warchest_language"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _configuration.public_url.startswith("https://")
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [_configuration.public_url]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [_package / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if _configuration.mail.host
    else "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = home() / "mail"
EMAIL_HOST, EMAIL_PORT = _configuration.mail.host, _configuration.mail.port
EMAIL_HOST_USER = _configuration.mail.username
EMAIL_USE_TLS = bool(_configuration.mail.host)
DEFAULT_FROM_EMAIL = _configuration.mail.sender

LOGGING_CONFIG = None

PROCRASTINATE_ON_APP_READY = "warchest.jobs.app.ready"
PROCRASTINATE_DATABASE_ALIAS = "default"

WARCHEST_COMMUNITY = _configuration.community
WARCHEST_UNIT_NAME = _configuration.community.unit_name
if WARCHEST_UNIT_NAME == "credits":
    WARCHEST_UNIT_NAME = _("credits")
