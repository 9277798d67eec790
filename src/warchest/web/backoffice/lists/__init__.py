"""Read-only lists and details of everything, straight from the apps' tables, over the reader's connection.

The one place outside an app that may import its models; it only ever selects.
"""

from importlib import import_module

from warchest.web.backoffice.lists.names import give_names
from warchest.web.backoffice.site import site

_LISTS = ("members", "money", "transfers", "payments", "documents", "cards", "ledger", "selling", "running")


def register() -> None:
    """Hang all lists into the site. Called once, when Django is ready."""
    for name in _LISTS:
        import_module(f"{__name__}.{name}")
    give_names(site._registry)
