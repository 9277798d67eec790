"""Notices: what providers tell by themselves. They bring a signature in place of a key."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel

from warchest.api.shapes import Id
from warchest.journeys.receive_notice import receive_notice
from warchest.runtime.command import now

router = Router(tags=["notices"])


class NoticeShape(BaseModel):
    """The notice is safely stored. ``repeated``: it had been before."""

    id: str
    repeated: bool


@router.post(
    "/notices/{provider}",
    response=NoticeShape,
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {}}}, "required": True}},
)
def take_notice(request: HttpRequest, provider: Id) -> NoticeShape:
    """A provider's signed notice, in that provider's own format and of 64 kB at most. 2xx means: safely stored."""
    notice = receive_notice(provider=provider, headers=dict(request.headers), body=request.body, at=now())
    return NoticeShape(id=str(notice.id), repeated=notice.repeated)
