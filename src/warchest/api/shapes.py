"""The shapes that several routes share: amounts, moments, ids."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from warchest.kernel.currency import INNER
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


def rfc3339(moment: datetime) -> str:
    """In UTC, with Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def in_utc(moment: datetime) -> datetime:
    """The same moment in UTC, which the database reads whatever the offset was; at the ends of time, the end."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        end = datetime.min if moment.year == 1 else datetime.max
        return end.replace(tzinfo=UTC)


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-15T12:00:00Z"]}),
]

# PostgreSQL keeps no NUL in a text.
_TEXT = r"^[^\x00]*$"
Text = Annotated[str, Field(pattern=_TEXT)]
Id = Annotated[str, Field(max_length=80, pattern=_TEXT, description="An opaque id")]


def _address(text: str) -> str:
    return str(ip_address(text))


Address = Annotated[
    str,
    Field(max_length=45),
    AfterValidator(_address),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
]
"""An IP address, of either version."""


class Asked(BaseModel):
    """The body of a request: text is text and numbers are numbers, and a field that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class AskedAmount(Asked):
    """An amount in major units, as text, and its currency."""

    # The patterns are for readers of the specification: what differs is refused by name, as currencies say.
    amount: str = Field(
        max_length=32,
        examples=["10.00"],
        json_schema_extra={"pattern": r"^(0|[1-9][0-9]{0,15})(\.[0-9]{1,8})?$"},
    )
    currency: str = Field(max_length=8, examples=["EUR"], json_schema_extra={"pattern": "^[A-Z]{3}$"})

    def money(self) -> Money:
        """Raises UnableToReadAmount and UnableToFindCurrency."""
        return Money.parse(self.amount, self.currency)


class AskedUnits(AskedAmount):
    """An amount of the inner currency."""

    currency: str = Field(pattern=f"^{INNER.code}$", examples=[INNER.code])


class Amount(BaseModel):
    """In major units, as text with all decimals of the currency."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls(amount=money.major, currency=money.currency.code)


def identity(text: str, *, unknown: UnableTo) -> UUID:
    """The id that this text is. Callers know ids as opaque: one that is none of ours is simply ``unknown``, and raised."""
    found = identity_or_none(text)
    if found is None:
        raise unknown
    return found


def identity_or_none(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    # One spelling for each id: the other notations that UUID reads were never given out.
    return found if str(found) == text.lower() else None
