"""Errors as RFC 9457 tells them: one shape for every refusal and every mistake, with a stable ``code``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.responses import NinjaJSONEncoder
from pydantic import BaseModel, Field

from warchest.journeys.refusals import explain
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime.outage import is_outage

log = structlog.get_logger(__name__)
_encode = NinjaJSONEncoder(separators=(",", ":")).encode

MEDIA_TYPE = "application/problem+json"


class UnableToServe(UnableTo):
    """The request was refused at the door, before any journey heard of it."""

    reasons = frozenset(
        {
            "request_malformed",  # no JSON, or not of the documented shape; ``errors`` names the places
            "key_missing",
            "key_unknown",
            "scope_missing",  # the key is right and may not do this; the scope that is missing is in the details
            "not_found",
            "method_not_allowed",
            "length_required",  # sent in pieces, behind a server that can't tell where it ends
            "body_too_large",
            "media_type_not_supported",
            "internal_error",
        }
    )


class Mistake(BaseModel):
    """One place of the request that does not fit. ``pointer`` is a JSON pointer (RFC 6901) into ``where``."""

    where: str = Field(description="body, query, path or header")
    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. ``code`` is stable; ``detail`` is a sentence in the language asked for."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str
    request_id: str
    errors: list[Mistake] | None = None


def answer(
    request: HttpRequest, refusal: UnableTo | TryAgain, *, status: int | None = None, **more: Any
) -> HttpResponse:
    """The refusal as a problem, with the headers that belong to it."""
    told = explain(refusal)
    status = status or told.status
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": told.text,
        "code": told.code,
        "instance": request.path,
        "request_id": getattr(request, "request_id", ""),
        **more,
    }
    response = HttpResponse(_encode(body), status=status, content_type=MEDIA_TYPE)
    if isinstance(refusal, TryAgain):
        response["Retry-After"] = str(refusal.retry_after_s)
    if told.code in ("key_missing", "key_unknown"):
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(refusal, UnableTo) and refusal.replayed:
        response["Idempotent-Replayed"] = "true"
    return response


def as_problem(request: HttpRequest, error: Exception) -> HttpResponse:
    """Whatever went wrong, as a problem. What nobody foresaw is logged with its trace and told without it."""
    match error:
        case UnableTo() | TryAgain():
            return answer(request, error)
        case ValidationError():
            mistakes = [_mistake(found) for found in error.errors]
            return answer(request, UnableToServe("request_malformed"), errors=mistakes)
        case AuthenticationError():
            return answer(request, UnableToServe("key_missing"))
        case HttpError() | UnreadablePostError():
            # The framework's own complaints are about bodies that are no JSON, or end too soon.
            return answer(
                request, UnableToServe("request_malformed"), status=HTTPStatus.BAD_REQUEST, errors=[]
            )
        case Http404():
            return answer(request, UnableToServe("not_found"))
        case RequestDataTooBig():
            return answer(request, UnableToServe("body_too_large"))
        case DatabaseError() | InterfaceError() if is_outage(error):
            log.exception("database_unreachable", path=request.path)
            return answer(request, TryAgain("database_unreachable"))
        case _:
            log.exception("request_failed", path=request.path)
            return answer(request, UnableToServe("internal_error"))


def _mistake(found: dict[str, Any]) -> dict[str, str]:
    where, *places = found["loc"]
    if where == "body":
        # The first place is the name of our function's parameter, which callers never see.
        places = places[1:]
    escaped = (str(place).replace("~", "~0").replace("/", "~1") for place in places)
    return {"where": where, "pointer": "".join(f"/{place}" for place in escaped), "detail": found["msg"]}
