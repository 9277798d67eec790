"""Where the back office's pages hang."""

from django.urls import include, path

from warchest.web.backoffice.site import site

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("warchest.web.backoffice.urls")),
    path("", site.urls),
]

handler403 = "warchest.web.backoffice.errors.forbidden"
handler404 = "warchest.web.backoffice.errors.not_found"
handler500 = "warchest.web.backoffice.errors.server_error"
