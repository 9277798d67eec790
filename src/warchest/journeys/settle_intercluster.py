"""What the entities of two clusters owe each other is netted, agreed to the cent on both sides, and paid.

One draws a statement up; the other cluster agrees where its own books say the same. Then the one that owes books its payment
and the other its receipt, each when its bank shows it, and each by somebody who did not draw the statement up (ADM-03).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting, NettingState, NettingStatement, UnableToNet
from warchest.charging.contract import Charging
from warchest.kernel.currency import currency as find_currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Administrator, Members, UnableToAdminister, require
from warchest.runtime import cluster_line
from warchest.runtime.cluster_line import open_to_clusters
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

_COUNTED = frozenset({NettingState.AGREED, NettingState.BOOKED})


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether the other cluster's books say the same; ``payable`` and ``receivable`` are its own, as it sees them."""

    agreed: bool
    payable: Money
    receivable: Money


@journey("intercluster.draw_up")
def draw_up_statement(tx: Transaction, *, cluster: str, currency: str, until: datetime) -> NettingStatement:
    """Of what was transferred before ``until`` and is in no earlier statement. Raises UnableToAdminister, UnableToNet."""
    administrator = _accountant(tx)
    tx.about("cluster", cluster, currency=currency, until=until.isoformat())
    if until > tx.command.at:
        raise UnableToNet("netting_in_future")
    if any(transfer.occurred_at < until for transfer in tx.get(Charging).open_transfers(cluster=cluster)):
        raise UnableToNet("transfers_open", cluster=cluster)
    if any(
        kept.until >= until and kept.state in _COUNTED and kept.payable.currency.code == currency
        for kept in tx.get(Accounting).statements(cluster=cluster)
    ):
        raise UnableToNet("netting_too_early")
    payable, receivable = _owed(tx, cluster, currency, until)
    if not payable and not receivable:
        raise UnableToNet("nothing_to_settle")
    statement = tx.get(Accounting).keep_statement(
        statement=NettingStatement(
            id=new_id(),
            cluster=cluster,
            until=until,
            payable=payable,
            receivable=receivable,
            state=NettingState.DRAWN_UP,
            drawn_up_by=str(administrator.id),
            drawn_up_at=tx.command.at,
        )
    )
    tx.about("netting_statement", statement.id, net=str(statement.net))
    return statement


def ask_to_agree(command: Command, *, statement_id: UUID) -> NettingStatement:
    """Ask the other cluster whether its books say the same; may be asked again until it has answered.

    Raises UnableToAdminister, UnableToNet, TryAgain (``line_cut``).
    """
    statement = services.get(Accounting).statement(statement_id=statement_id)
    answer: Agreement = cluster_line.line().call(
        statement.cluster,
        agree_to_statement.name,
        command.under(f"netting:{statement.id}"),
        statement_id=statement.id,
        until=statement.until,
        payable=statement.payable,
        receivable=statement.receivable,
    )
    return _note_agreement(command, statement_id=statement.id, answer=answer).answer


@open_to_clusters
@journey("intercluster.agree")
def agree_to_statement(
    tx: Transaction, *, statement_id: UUID, until: datetime, payable: Money, receivable: Money
) -> Agreement:
    """``payable`` and ``receivable`` are the other cluster's. What is not agreed to is kept too, so that the same statement
    is never agreed to later."""
    assert tx.command.actor.kind is ActorKind.CLUSTER
    cluster, code = tx.command.actor.id, payable.currency.code
    accounting = tx.get(Accounting)
    own_payable, own_receivable = _owed(tx, cluster, code, until)
    is_open = any(
        transfer.occurred_at < until for transfer in tx.get(Charging).open_transfers(cluster=cluster)
    ) or any(
        kept.state is NettingState.DRAWN_UP and kept.payable.currency.code == code
        for kept in accounting.statements(cluster=cluster)
    )
    agreed = not is_open and (own_payable, own_receivable) == (receivable, payable)
    kept = accounting.keep_statement(
        statement=NettingStatement(
            id=statement_id,
            cluster=cluster,
            until=until,
            payable=receivable,
            receivable=payable,
            state=NettingState.AGREED if agreed else NettingState.DISPUTED,
            drawn_up_by="",
            drawn_up_at=tx.command.at,
            their_payable=None if agreed else own_payable,
            their_receivable=None if agreed else own_receivable,
        )
    )
    tx.about("netting_statement", statement_id, cluster=cluster, state=kept.state)
    return Agreement(
        agreed=kept.state in _COUNTED,
        payable=own_payable,
        receivable=own_receivable,
    )


@journey("intercluster.note_agreement")
def _note_agreement(tx: Transaction, *, statement_id: UUID, answer: Agreement) -> NettingStatement:
    _accountant(tx)
    tx.about("netting_statement", statement_id, agreed=answer.agreed)
    return tx.get(Accounting).decide_statement(
        statement_id=statement_id,
        agreed=answer.agreed,
        payable=answer.receivable,
        receivable=answer.payable,
    )


@journey("intercluster.settle")
def settle_intercluster(tx: Transaction, *, statement_id: UUID, reference: str) -> NettingStatement:
    """The bank shows it: book the payment, or the receipt. ``reference`` is the bank's.

    Raises UnableToAdminister (``right_missing``, ``own_request``), UnableToNet.
    """
    administrator, accounting, entry_id = _accountant(tx), tx.get(Accounting), new_id()
    tx.about("netting_statement", statement_id, reference=reference)
    if accounting.statement(statement_id=statement_id).drawn_up_by == str(administrator.id):
        raise UnableToAdminister("own_request")
    statement = accounting.book_statement(
        statement_id=statement_id,
        booked_by=str(administrator.id),
        reference=reference[:80],
        entry_id=entry_id,
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=f"netting:{statement.id}",
            kind="intercluster_settlement",
            occurred_at=tx.command.at,
            legs=accounting.netting_legs(
                cluster=statement.cluster, payable=statement.payable, receivable=statement.receivable
            ),
            reference=str(statement.id),
            details={"cluster": statement.cluster},
        )
    )
    tx.announce(
        "intercluster.settled",
        key=str(statement.id),
        statement=statement.id,
        cluster=statement.cluster,
        paid=statement.net,
        journal_entry=entry_id,
    )
    return statement


def _owed(tx: Transaction, cluster: str, code: str, until: datetime) -> tuple[Money, Money]:
    """Payable and receivable for transfers before ``until`` that no statement is about yet."""
    moved = tx.get(Charging).moved(cluster=cluster, until=until)
    settled = tx.get(Accounting).settled(cluster=cluster, or_agreed=True)
    return (
        _of(moved.sent, code) - _of(settled.payable, code),
        _of(moved.received, code) - _of(settled.receivable, code),
    )


def _of(amounts: tuple[Money, ...], code: str) -> Money:
    return next(
        (amount for amount in amounts if amount.currency.code == code), Money.zero(find_currency(code))
    )


def _accountant(tx: Transaction) -> Administrator:
    administrator = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(administrator, "intercluster.settle")
    return administrator
