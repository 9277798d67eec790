"""Wallets and lots that come from an older system, hundreds at a time."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from warchest.charging import locked
from warchest.charging.contract import LotCount, LotDraft, UnableToSpend, WalletDraft
from warchest.charging.models import Wallet as WalletRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime import statements, wire

_FUND = """
    WITH opened AS (
        INSERT INTO charging_lot (id, wallet_id, source, reference, issued_minor, units_left_minor, reserved_minor,
                                  consideration_minor, consideration_left_minor, currency, refundable, transferable,
                                  payable_out, expires_at, opened_at, origin_id)
        SELECT r.id, r.player, r.source, r.reference, r.units, r.units, 0, r.consideration, r.consideration, r.currency,
               r.refundable, r.transferable, r.payable_out, r.expires_at, r.opened_at, r.id
          FROM jsonb_to_recordset(%s) AS r(
               id uuid, player uuid, source text, reference text, units bigint, consideration bigint, currency text,
               refundable boolean, transferable boolean, payable_out boolean, expires_at timestamptz,
               opened_at timestamptz)
        RETURNING 1)
    SELECT count(*) FROM opened"""
# What a lot began with stays as it is, however much of it was used since.
_COUNT = """
    WITH lot AS (SELECT issued_minor, consideration_minor, currency FROM charging_lot
                  WHERE id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)::uuid)))
    SELECT count(*), coalesce(sum(issued_minor), 0)::text,
           (SELECT coalesce(jsonb_object_agg(c.currency, c.minor::text), '{}')
              FROM (SELECT currency, sum(consideration_minor) AS minor FROM lot
                     WHERE consideration_minor > 0 GROUP BY currency) AS c)
      FROM lot"""


def open_wallets(*, wallets: Sequence[WalletDraft]) -> None:
    WalletRow.objects.bulk_create(
        (WalletRow(player_id=one.player, state=one.state, opened_at=one.opened_at) for one in wallets),
        ignore_conflicts=True,
    )


def fund_set(*, lots: Sequence[LotDraft]) -> None:
    players = {lot.player for lot in lots}
    # As ``fund`` does: a foreign key is looked at only at the commit, when balances are locked already.
    if locked.lock_only(players) != players:
        raise UnableToSpend("wallet_unknown")
    wanted = [
        {
            "id": lot.id,
            "player": lot.player,
            "source": lot.source,
            "reference": lot.reference,
            "units": lot.units.minor,
            "consideration": lot.consideration.minor,
            "currency": lot.consideration.currency.code,
            "refundable": lot.terms.refundable,
            "transferable": lot.terms.transferable,
            "payable_out": lot.terms.payable_out,
            "expires_at": lot.terms.expires_at,
            "opened_at": lot.opened_at,
        }
        for lot in lots
    ]
    statements.rows("charging", _FUND, [statements.document(wanted)])


def count_lots(*, lot_ids: Sequence[UUID]) -> LotCount:
    ((lots, units, sums),) = statements.rows("charging", _COUNT, [statements.document(list(lot_ids))])
    return LotCount(
        lots=lots,
        units=Money.units(int(units)),
        consideration=tuple(
            Money(int(minor), currency(code))
            for code, minor in sorted(wire.decode(sums, dict[str, str]).items())
        ),
    )
