"""Wires the services when Django starts, so that every process that has settings has services."""

from django.apps import AppConfig


class WiringConfig(AppConfig):
    name = "warchest.config"
    label = "wiring"

    def ready(self) -> None:
        from warchest.config import logs, wiring

        logs.configure()
        wiring.wire()
