"""The portal and the API as one WSGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
os.environ["WARCHEST_PROCESS"] = "portal"

from django.core.wsgi import get_wsgi_application

from warchest.runtime import recovery, set_aside
from warchest.runtime.redaction import last_words_guarded

with last_words_guarded():
    set_aside.check_in_service()
    application = get_wsgi_application()
    recovery.start()
