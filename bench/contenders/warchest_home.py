"""A deployment's Django in a worker: the home is the server's, the database the contender's own."""

from __future__ import annotations

import os

from psycopg.conninfo import conninfo_to_dict

from bench.worker import Place


def set_up(place: Place) -> None:
    import django

    os.environ["WARCHEST_HOME"] = place.extra
    os.environ["WARCHEST_DATABASE_NAME"] = str(conninfo_to_dict(place.dsn)["dbname"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "warchest.config.settings"
    django.setup()


def let_go() -> None:
    from django.db import connections

    connections.close_all()
