"""Where the portal and the API hang."""

from django.urls import include, path

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("warchest.api.urls")),
    path("", include("warchest.web.portal.urls")),
]

# Every mistake is told in the portal's look; the API's own are told by the API.
handler400 = "warchest.web.portal.views.errors.bad_request"
handler403 = "warchest.web.portal.views.errors.forbidden"
handler404 = "warchest.web.portal.views.errors.not_found"
handler500 = "warchest.web.portal.views.errors.server_error"
