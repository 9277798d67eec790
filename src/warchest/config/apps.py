"""Wires the services when Django starts, so that every process that has settings has services."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "warchest.config"
    label = "wiring"

    def ready(self) -> None:
        from warchest.config.watching import watch
        from warchest.config.wiring import wire

        # Watched first: what is wired is told of where anybody is told at all.
        watch()
        wire()
