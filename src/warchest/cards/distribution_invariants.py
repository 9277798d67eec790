"""What must hold of cards with resellers at any moment."""

from __future__ import annotations

from collections.abc import Iterator

from warchest.cards.contract import RECEIVABLE_BOOK
from warchest.ledger.contract import Ledger, Leg, Side
from warchest.runtime.invariants import Invariant, in_portions
from warchest.runtime.services import services

# Who has each card that is away by a shipment: nobody as long as it is on its way, then who got it last.
_MISPLACED = """
    SELECT card.serial, card.state, coalesce(holder.name, ''), coalesce(receiver.name, '')
      FROM cards_card AS card
      CROSS JOIN LATERAL (
        SELECT part.state, shipment.receiver_id, shipment.sender_id
          FROM cards_shipmentpart AS part
          JOIN cards_shipment AS shipment ON shipment.id = part.shipment_id
         WHERE part.batch_id = card.batch_id AND shipment.sent_at IS NOT NULL AND part.state <> 'back'
           AND part.first_number <= card.number AND part.last_number >= card.number
         ORDER BY shipment.sent_at DESC, shipment.id DESC LIMIT 1) AS last
      LEFT JOIN cards_reseller AS holder ON holder.id = card.holder_id
      LEFT JOIN cards_reseller AS receiver ON receiver.id = last.receiver_id
     WHERE card.state IN ('shipped', 'sold', 'returned')
       AND CASE last.state
           WHEN 'received' THEN card.holder_id IS DISTINCT FROM last.receiver_id
                OR (card.state = 'returned') <> (last.receiver_id IS NULL)
           ELSE card.state <> 'shipped' OR card.holder_id IS NOT NULL END
     ORDER BY card.serial LIMIT 20"""

_HELD_WITHOUT = """
    SELECT card.serial, card.holder_id
      FROM cards_card AS card
     WHERE card.holder_id IS NOT NULL
       AND NOT EXISTS (
        SELECT FROM cards_shipmentpart AS part
          JOIN cards_shipment AS shipment ON shipment.id = part.shipment_id
         WHERE part.batch_id = card.batch_id
           AND part.first_number <= card.number AND part.last_number >= card.number
           AND card.holder_id IN (shipment.receiver_id, shipment.sender_id))
     ORDER BY card.serial LIMIT 20"""

_PARTS = """
    SELECT shipment.id, shipment.state,
           sum(part.last_number - part.first_number + 1), shipment.last_number - shipment.first_number + 1,
           count(*) FILTER (WHERE part.state = 'away'), count(*) FILTER (WHERE part.state = 'lost'),
           sum(part.cards), shipment.cards
      FROM cards_shipment AS shipment JOIN cards_shipmentpart AS part ON part.shipment_id = shipment.id
     GROUP BY shipment.id ORDER BY shipment.id"""

_SALES = """
    SELECT card.serial, card.state
      FROM cards_card AS card
      FULL JOIN (SELECT serial FROM cards_sale WHERE reversed_at IS NULL AND NOT by_activation) AS sale
             ON sale.serial = card.serial
     WHERE (sale.serial IS NULL AND card.state = 'sold' AND card.holder_id IS NOT NULL)
        OR (sale.serial IS NOT NULL AND card.state NOT IN ('sold', 'activated', 'void', 'expired'))
     ORDER BY card.serial LIMIT 20"""

_SHARES = """
    SELECT sale.serial, sum(share.kept_minor), sale.margin_minor
      FROM cards_sale AS sale JOIN cards_saleshare AS share ON share.sale_id = sale.id
     WHERE sale.entry_id IS NOT NULL
     GROUP BY sale.id HAVING sum(share.kept_minor) <> sale.margin_minor ORDER BY sale.serial LIMIT 20"""

_LINES = """
    SELECT line.entry_id, reseller.name,
           sum(CASE WHEN line.kind IN ('delivery', 'sale') THEN 1 ELSE -1 END * (line.face_minor - line.margin_minor))
      FROM cards_resellerline AS line JOIN cards_reseller AS reseller ON reseller.id = line.reseller_id
     WHERE line.entry_id IS NOT NULL
     GROUP BY line.entry_id, reseller.name ORDER BY line.entry_id"""


def _misplaced() -> Iterator[str]:
    for serial, state, holder, receiver in _rows(_MISPLACED):
        yield f"card {serial} is {state} with {holder or 'nobody'}, and was last sent to {receiver or 'us'}"
    for serial, holder in _rows(_HELD_WITHOUT):
        yield f"card {serial} is with {holder}, to whom it was never sent"


def _shipments_not_whole() -> Iterator[str]:
    for shipment, state, covered, numbers, away, lost, arrived, sent in _rows(_PARTS):
        if covered != numbers:
            yield f"shipment {shipment} of {numbers} numbers has parts of {covered}"
        if arrived > sent:
            yield f"shipment {shipment} of {sent} cards brought {arrived}"
        if bool(away) != (state in ("draft", "sent")) or (lost and state != "lost"):
            yield f"shipment {shipment} is {state}, with {away} parts away and {lost} lost"


def _sales_differ() -> Iterator[str]:
    for serial, state in _rows(_SALES):
        yield f"card {serial} is {state}, and its sale says otherwise"
    for serial, kept, margin in _rows(_SHARES):
        yield f"of the sale of card {serial} resellers keep {kept} minor, and the books gave them {margin}"


def _lines_not_booked() -> Iterator[str]:
    """What a reseller that we deal with owes for cards is in the entry that its line names."""
    for portion in in_portions(iter(_rows(_LINES))):
        entries = services.get(Ledger).entries(entry_ids=[entry_id for entry_id, _, _ in portion])
        for entry_id, owner, minor in portion:
            entry = entries.get(entry_id)
            booked = sum(_receivable(leg, owner) for leg in (entry.legs if entry else ()))
            if booked != minor:
                yield f"entry {entry_id} books {booked} minor for {owner}, whose lines say {minor}"


def _receivable(leg: Leg, owner: str) -> int:
    if leg.book != RECEIVABLE_BOOK or leg.owner != owner:
        return 0
    return leg.amount.minor if leg.side is Side.DEBIT else -leg.amount.minor


def _rows(statement: str) -> list[tuple]:  # type: ignore[type-arg]
    with services.database("cards").cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


INVARIANTS = (
    Invariant("cards_where_sent", "Every card is with whom it was last sent to, or on its way", _misplaced),
    Invariant("shipments_whole", "A shipment's parts are its numbers, each once", _shipments_not_whole),
    Invariant(
        "sales_of_cards", "A card is sold if its sale stands, and its margin is shared out", _sales_differ
    ),
    Invariant(
        "reseller_lines_booked", "What resellers owe for cards is in the entry of its line", _lines_not_booked
    ),
)
