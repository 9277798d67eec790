"""The portal's addresses and one more, ``/bare``: a view that stores what it was sent in one row, with one commit."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from warchest.config import urls

TABLE = "bench_notice"


@csrf_exempt
def store(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} (body) VALUES (%s)", [request.body.decode()])
    return HttpResponse(b"{}", content_type="application/json")


urlpatterns = [path("bare", store), path("", include(urls.urlpatterns))]
handler400, handler403, handler404, handler500 = (
    urls.handler400,
    urls.handler403,
    urls.handler404,
    urls.handler500,
)
