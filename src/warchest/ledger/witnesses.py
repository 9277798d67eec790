"""Heads shown to other clusters, and theirs to us: each is a witness of the other's chain, in another house."""

from __future__ import annotations

from warchest.ledger import heads
from warchest.ledger.contract import ReadHead, ShownHead, UnableToReadHead
from warchest.ledger.heads import NotAHead
from warchest.ledger.models import SealHead
from warchest.runtime import statements


def shown_head() -> ShownHead | None:
    newest = SealHead.objects.order_by("-number").values_list("line", flat=True).first()
    return ShownHead(newest, heads.public_key()) if newest else None


def read_head(*, head: ShownHead, cluster: str) -> ReadHead:
    try:
        signed = heads.read_other(head.line.encode(), key=head.key, cluster=cluster)
    except NotAHead as error:
        raise UnableToReadHead("head_malformed", explanation=str(error)[:200]) from None
    return ReadHead(signed.number, signed.entries, signed.hash, signed.signed_at)


def hash_of_block(*, number: int) -> str:
    found = statements.rows(
        "ledger", "SELECT encode(hash, 'hex') FROM ledger_seal WHERE number = %s", [number]
    )
    return str(found[0][0]) if found else ""
