"""Wires the services when Django starts, so that every process that has settings has services."""

import gc

from django.apps import AppConfig

_YOUNG_MAX, _TIMES_YOUNG, _TIMES_MIDDLE = 50_000, 20, 50


class WiringConfig(AppConfig):
    name = "warchest.config"
    label = "wiring"

    def ready(self) -> None:
        from warchest.config.watching import watch
        from warchest.config.wiring import wire

        # Watched first: what is wired is told of where anybody is told at all.
        watch()
        wire()
        # A purchase makes a hundred objects, of which none refers to itself: a set of 500 had the collector look at all that
        # lives some seventy times, and find nothing. It looks less often, and never again at what the start has left.
        gc.freeze()
        gc.set_threshold(_YOUNG_MAX, _TIMES_YOUNG, _TIMES_MIDDLE)
