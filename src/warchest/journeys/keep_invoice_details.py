"""PAY-28: a player says who invoices are written to; a business gives its VAT number, and it is checked.

Form and check digits are checked here, and a number that fails them is refused. Whether somebody holds it only the member
state knows: where the operator wants it the Commission's look-up (VIES) is asked, outside of any transaction. Where that
does not answer, the number stays unchecked, and is asked about again later.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import httpx
import structlog

from warchest.kernel import vat_numbers
from warchest.members.contract import InvoiceDetails, Members, VatCheck
from warchest.runtime.command import Command
from warchest.runtime.configuration import configuration
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

_TIMEOUT_S = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Nothing of what was said: answers are kept, and names are not."""

    player: UUID
    is_business: bool


def keep_invoice_details(
    command: Command, *, player: UUID, name: str, address: tuple[str, ...], country: str, vat_number: str
) -> InvoiceDetails:
    """Keep them, and ask about the VAT number. An empty ``name``: from now on the nickname is enough.

    Raises UnableToKeepInvoiceDetails, UnableToFindPlayer.
    """
    _keep(command, player=player, name=name, address=address, country=country, vat_number=vat_number)
    check_vat_number(command.under(f"{command.key[:56]}-vat"), player=player)
    kept = services.get(Members).invoice_details(player_id=player)
    return kept or InvoiceDetails(name="", address=(), country="")


# Its arguments are kept nowhere but as a keyed hash.
@journey("players.keep_invoice_details")
def _keep(
    tx: Transaction, *, player: UUID, name: str, address: tuple[str, ...], country: str, vat_number: str
) -> Kept:
    members = tx.get(Members)
    tx.about("player", player)
    if not name.strip() and not vat_number.strip():
        members.forget_invoice_details(player_id=player)
        return Kept(player=player, is_business=False)
    details = members.keep_invoice_details(
        player_id=player,
        name=name,
        address=address,
        country=country,
        vat_number=vat_number,
        at=tx.command.at,
    )
    tx.about("player", player, country=details.country, vat_check=details.vat_check)
    return Kept(player=player, is_business=bool(details.vat_number))


def check_vat_number(command: Command, *, player: UUID) -> VatCheck:
    """Ask about a number that nobody could be asked about before; answers how it stands."""
    details = services.get(Members).invoice_details(player_id=player)
    if details is None or details.vat_check is not VatCheck.UNCHECKED:
        return details.vat_check if details else VatCheck.NONE
    found, reference = _asked_of_vies(details.vat_number)
    if found is VatCheck.UNCHECKED:
        return found
    _note_check(command, player=player, vat_number=details.vat_number, check=found, reference=reference)
    return found


@journey("players.note_vat_check")
def _note_check(
    tx: Transaction, *, player: UUID, vat_number: str, check: VatCheck, reference: str
) -> VatCheck:
    tx.about("player", player, vat_check=check)
    noted = tx.get(Members).note_vat_check(
        player_id=player, vat_number=vat_number, check=check, reference=reference, at=tx.command.at
    )
    return noted.vat_check if noted else VatCheck.NONE


def _asked_of_vies(text: str) -> tuple[VatCheck, str]:
    """What VIES says (https://ec.europa.eu/taxation_customs/vies, its REST interface), and what it calls its answer.

    Only a clear yes and a clear no count. The member states' own systems are often silent, which is neither.
    """
    base = configuration().documents.vies.rstrip("/")
    if not base:
        return VatCheck.UNCHECKED, ""
    number = vat_numbers.read(text)
    try:
        answer = httpx.get(f"{base}/ms/{number.prefix}/vat/{number.number}", timeout=_TIMEOUT_S)
        told = answer.json() if answer.status_code == 200 else {}
    except (httpx.HTTPError, ValueError) as problem:
        log.info("vies_did_not_answer", cause=type(problem).__name__)
        return VatCheck.UNCHECKED, ""
    if not isinstance(told, dict):
        return VatCheck.UNCHECKED, ""
    match told.get("isValid"), told.get("userError"):
        case True, "VALID":
            return VatCheck.REGISTERED, str(told.get("requestIdentifier") or told.get("requestDate") or "")[
                :80
            ]
        case False, "INVALID":
            return VatCheck.NOT_REGISTERED, ""
        case _:
            log.info("vies_did_not_answer", cause=str(told.get("userError"))[:40])
            return VatCheck.UNCHECKED, ""
