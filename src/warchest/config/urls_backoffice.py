"""Where the back office's pages hang."""

from django.urls import include, path

from warchest.web.backoffice.site import site

urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("warchest.web.backoffice.urls")),
    path("", site.urls),
]
