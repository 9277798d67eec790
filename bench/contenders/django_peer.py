"""Django for the peers that are built on it: one database, connections that last, nothing else in the way."""

from __future__ import annotations

from collections.abc import Sequence

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from bench.worker import Place


def set_up(place: Place, *, apps: Sequence[str]) -> None:
    parts = conninfo_to_dict(place.dsn)
    settings.configure(
        INSTALLED_APPS=list(apps),
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts["dbname"],
                "USER": parts["user"],
                "PASSWORD": parts.get("password", ""),
                "HOST": parts["host"],
                "PORT": parts["port"],
                "CONN_MAX_AGE": None,
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()


def let_go() -> None:
    from django.db import connections

    connections.close_all()
