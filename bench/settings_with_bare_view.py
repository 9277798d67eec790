"""A deployment's own settings, and the yardstick's view beside its addresses."""

from warchest.config.settings import *  # noqa: F403

ROOT_URLCONF = "bench.bare_view"
