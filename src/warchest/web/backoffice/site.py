"""The frame of every page: unfold's site with our own sign-in, and nothing that writes."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.sites import UnfoldAdminSite


class BackOfficeSite(UnfoldAdminSite):
    """Unfold's templates know the site by the name ``admin``."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return getattr(request, "administrator", None) is not None

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        query = request.META.get("QUERY_STRING", "")
        return redirect(reverse("backoffice:sign-in") + (f"?{query}" if query else ""))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from warchest.web.backoffice.pages.sign_in import sign_out

        return sign_out(request)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from warchest.web.backoffice.pages.dashboard import dashboard

        return dashboard(request)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:index")


site = BackOfficeSite()
