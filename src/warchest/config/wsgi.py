"""The portal and the API as one WSGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
os.environ.setdefault("WARCHEST_PROCESS", "portal")

from django.core.wsgi import get_wsgi_application

from warchest.runtime import recovery
from warchest.runtime.redaction import last_words_guarded

with last_words_guarded():
    application = get_wsgi_application()
    recovery.start()
