"""Texts of unfold's frame that our pages show: it ships no translations, so ours carry them.

Nothing imports this; the texts are named here to be found when texts are collected. Unfold asks for them without a
context, and Django looks into our translations first.
"""

from django.utils.translation import gettext_noop as _

TEXTS = (
    # Menu, top of the page
    _("All applications"),
    _("Go back"),
    _("Welcome"),
    _("Dark"),
    _("Light"),
    _("System"),
    # Search
    _("Search apps and models..."),
    _("Type to search"),
    _("Recent searches"),
    _("No recent searches"),
    _("No results matching your query"),
    _("Loading more results..."),
    # Lists
    _("Filters"),
    _("Apply Filters"),
    _("Reset filters"),
    _("No results found"),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("No data"),
    _("Expand row"),
    _("More actions"),
    _("Select all rows"),
    _("Select record"),
    _("Previous"),
    _("Next"),
    # Details and forms
    _("General"),
    _("True"),
    _("False"),
    _("Date"),
    _("Select value"),
    _("Choose file to upload"),
    _("Toggle password visibility"),
    _("Cancel"),
    _("Submit"),
)
