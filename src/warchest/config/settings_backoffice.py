"""Django's settings for the back office, on top of the others: own cookies, own sessions, own pages."""

from warchest.config.settings import *  # noqa: F403
from warchest.config.settings import INSTALLED_APPS, _configuration
from warchest.runtime.secrets import text_secret
from warchest.web.backoffice.navigation import UNFOLD as UNFOLD

# Another key than the portal's: neither face can read the other's sessions and signatures.
SECRET_KEY = text_secret("django-backoffice")
ALLOWED_HOSTS = [*_configuration.backoffice.names, "127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "warchest.web.backoffice.apps.BackOfficeConfig",
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.humanize",
    *INSTALLED_APPS,
]

WARCHEST_FACE = "backoffice"

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "warchest.web.middleware.RequestContextMiddleware",
    "warchest.web.backoffice.headers.SecurityHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "warchest.web.backoffice.certificates.ClientCertificateMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "warchest.web.backoffice.directory.AdministratorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "warchest.config.urls_backoffice"
WSGI_APPLICATION = None  # type: ignore[assignment]
LOGIN_URL = "backoffice:sign-in"
CSRF_FAILURE_VIEW = "warchest.web.backoffice.errors.form_too_old"

# Cookies ignore ports: these are not the portal's.
SESSION_COOKIE_NAME = "warchest_backoffice_session"
CSRF_COOKIE_NAME = "warchest_backoffice_csrf"
LANGUAGE_COOKIE_NAME = "warchest_backoffice_language"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 8 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = []
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Served from the packages themselves.
STATIC_ROOT = None
