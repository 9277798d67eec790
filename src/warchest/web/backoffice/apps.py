"""Tells the door whom to ask about certificates, and registers all lists."""

from django.apps import AppConfig


class BackOfficeConfig(AppConfig):
    name = "warchest.web.backoffice"
    label = "backoffice"

    def ready(self) -> None:
        from warchest.web.backoffice import certificates, lists
        from warchest.web.backoffice.directory import MembersDirectory

        certificates.use_directory(MembersDirectory())
        lists.register()
