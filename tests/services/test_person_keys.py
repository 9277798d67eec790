"""The key under which documents keep what they must of one person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.builders.people import NOW, a_player
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, UnableToKeepInvoiceDetails
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


def members() -> Members:
    return services.get(Members)


class TestPersonKey:
    def test_opens_what_it_sealed_and_for_nobody_else(self) -> None:
        ann, bob = a_player(nickname="ann").id, a_player(nickname="bob").id
        sealed = members().seal_buyers(player_ids=[ann, bob])
        opened = members().unseal_buyer(player_id=ann, sealed=sealed[ann].sealed)
        assert opened and opened.nickname == "ann"
        assert members().unseal_buyer(player_id=bob, sealed=sealed[ann].sealed) is None
        assert members().unseal_buyer(player_id=ann, sealed=b"\0" * 80) is None

    def test_is_one_however_many_ask_first_at_once(self) -> None:
        ann = a_player().id

        def seal(_: int) -> bytes:
            try:
                return members().seal_buyers(player_ids=[ann])[ann].sealed
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            sealed = list(pool.map(seal, range(8)))
        assert len(set(sealed)) == 8  # the same contents never look the same
        assert all(members().unseal_buyer(player_id=ann, sealed=one) for one in sealed)

    def test_is_gone_for_ever_once_it_is_destroyed(self) -> None:
        ann = a_player().id
        sealed = members().seal_buyers(player_ids=[ann])[ann].sealed
        members().destroy_person_key(player_id=ann)
        members().destroy_person_key(player_id=ann)
        assert members().unseal_buyer(player_id=ann, sealed=sealed) is None
        assert members().seal_buyers(player_ids=[ann]) == {}
        with pytest.raises(UnableToKeepInvoiceDetails) as refused:
            members().keep_invoice_details(
                player_id=ann, name="Ann", address=(), country="DE", vat_number="", at=NOW
            )
        assert refused.value.reason == "person_erased"
        with services.database("members").cursor() as cursor:
            for statement in (
                "UPDATE members_personkey SET wrapped = 'x'",
                "DELETE FROM members_personkey",
                "TRUNCATE members_personkey",
            ):
                with pytest.raises(Exception, match=r"only destroyed|permission denied"):
                    cursor.execute(statement)

    def test_of_who_never_bought_can_be_destroyed_beforehand(self) -> None:
        ann = a_player().id
        members().destroy_person_key(player_id=ann)
        assert members().seal_buyers(player_ids=[ann]) == {}

    def test_is_made_for_nobody_who_is_not_there(self) -> None:
        assert members().seal_buyers(player_ids=[new_id()]) == {}
