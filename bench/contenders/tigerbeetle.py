"""TigerBeetle: a database made for ledgers, through its Python client.

A purchase is seven linked transfers, all or none; wallets may not be overdrawn. One at a time, each caller has a client of its
own and sends a purchase a request; in the variant for batches a request carries a thousand purchases, which is nearly the most
that fits. It keeps its own durable file, so PostgreSQL plays no part. The server's program is the operator's to put in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.purchase import COMMISSIONS_MINOR, OPENING_MINOR, REVENUE_MINOR, TAX_MINOR, Purchase
from bench.worker import Place, serve

EVENTS_MAX = 8000
"""In a request; the server's own limit is 8189."""
LEDGER, CODE = 1, 1
REVENUE, TAX, COMMISSION, BANK = 1, 2, 3, 4
FIRST_PLAYER = 10


def _client(place: Place) -> Any:
    import tigerbeetle as tb

    return tb.ClientSync(cluster_id=0, replica_addresses=place.address)


def _transfer(debit: int, credit: int, amount_minor: int, *, linked: bool) -> object:
    import tigerbeetle as tb

    return tb.Transfer(
        id=tb.id(),
        debit_account_id=debit,
        credit_account_id=credit,
        amount=amount_minor,
        pending_id=0,
        user_data_128=0,
        user_data_64=0,
        user_data_32=0,
        timeout=0,
        ledger=LEDGER,
        code=CODE,
        flags=tb.TransferFlags.LINKED if linked else tb.TransferFlags.NONE,
        timestamp=0,
    )


def _slices(events: Sequence[object], size: int) -> Iterator[list[object]]:
    for start in range(0, len(events), size):
        yield list(events[start : start + size])


def prepare(place: Place) -> None:
    import tigerbeetle as tb

    client = _client(place)
    house = [(number, tb.AccountFlags.NONE) for number in (REVENUE, TAX, COMMISSION, BANK)]
    wallets = [
        (FIRST_PLAYER + number, tb.AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS)
        for number in range(place.players)
    ]
    accounts = [
        tb.Account(
            id=number,
            debits_pending=0,
            debits_posted=0,
            credits_pending=0,
            credits_posted=0,
            user_data_128=0,
            user_data_64=0,
            user_data_32=0,
            ledger=LEDGER,
            code=CODE,
            flags=flags,
            timestamp=0,
        )
        for number, flags in (*house, *wallets)
    ]
    for some in _slices(accounts, EVENTS_MAX):
        _refuse_other_than(client.create_accounts(some), tb.CreateAccountStatus.CREATED)
    opening = [
        _transfer(BANK, FIRST_PLAYER + number, OPENING_MINOR, linked=False) for number in range(place.players)
    ]
    for some in _slices(opening, EVENTS_MAX):
        _refuse_other_than(client.create_transfers(some), tb.CreateTransferStatus.CREATED)
    client.close()


class _Caller:
    def __init__(self, place: Place) -> None:
        self._client = _client(place)

    def buy(self, wanted: Sequence[Purchase]) -> None:
        import tigerbeetle as tb

        transfers = [transfer for purchase in wanted for transfer in _transfers(purchase)]
        _refuse_other_than(self._client.create_transfers(transfers), tb.CreateTransferStatus.CREATED)

    def close(self) -> None:
        self._client.close()


def _transfers(purchase: Purchase) -> Iterator[object]:
    payer = FIRST_PLAYER + purchase.payer
    yield _transfer(payer, REVENUE, REVENUE_MINOR, linked=True)
    yield _transfer(payer, TAX, TAX_MINOR, linked=True)
    last = len(COMMISSIONS_MINOR) - 1
    for level, (sponsor, minor) in enumerate(zip(purchase.sponsors, COMMISSIONS_MINOR, strict=True)):
        yield _transfer(COMMISSION, FIRST_PLAYER + sponsor, minor, linked=level < last)


def _refuse_other_than(results: Sequence[Any], status: object) -> None:
    if others := [result for result in results if result.status != status]:
        raise ValueError(f"{len(others)} of {len(results)} were refused, the first with {others[0].status}")


def footprint(place: Place) -> Mapping[str, int]:
    """What a posting takes is not told by a file that is as large from the first day on."""
    return {}


if __name__ == "__main__":
    serve(prepare, _Caller, footprint)
