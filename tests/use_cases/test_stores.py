"""Stores of others that sell our codes: a code at the moment of sale, once, booked once, and taken back while unused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, connections
from django.test import Client

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch, an_order
from tests.builders.configuration import changed_configuration
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.api import stores as door
from warchest.api.authentication import RateLimiter
from warchest.cards.contract import (
    BatchTerms,
    Cards,
    CardState,
    OrderLine,
    UnableToActivateCard,
    UnableToGenerateBatch,
    UnableToOrderBatch,
    Worth,
)
from warchest.cards.operations import virtual
from warchest.charging.contract import Charging
from warchest.journeys.activate_card import activate_card
from warchest.journeys.generate_batch import generate_batch
from warchest.journeys.sell_to_store import sell_to_store
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_softkey.simulator import DIALECTS, Heard, Message, PretendedStore

SECRET = "a secret that the store knows too"
TEN_EUROS = Money.parse("10.00", "EUR")

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("PLG-05")]


def over_the_api(store: str):
    """What a store sends comes to the HTTP API as from a network."""

    def send(message: Message) -> tuple[int, Mapping[str, str], bytes]:
        headers = dict(message.headers)
        content_type = headers.pop("content-type", "")
        answer = Client(raise_request_exception=False).generic(
            message.method,
            f"/api/v1/stores/{store}" + (f"?{message.query}" if message.query else ""),
            message.body,
            content_type=content_type,
            headers=headers,
        )
        return answer.status_code, dict(answer.headers), answer.content

    return send


def a_store(dialect: str, *, name: str = "softkey", secret: str = SECRET) -> PretendedStore:
    return PretendedStore(dialect=dialect, secret=secret, send=over_the_api(name))


@pytest.fixture(params=DIALECTS)
def store(request: pytest.FixtureRequest) -> Iterator[PretendedStore]:
    with opened(a_store(request.param)) as store:
        yield store


@pytest.fixture
def one_store() -> Iterator[PretendedStore]:
    with opened(a_store("fastspring")) as store:
        yield store


class opened:
    def __init__(self, store: PretendedStore, **more: object) -> None:
        self._store = store
        door.limiter = RateLimiter()
        self._changed = changed_configuration(stores={"softkey": {**store.settings, **more}})

    def __enter__(self) -> PretendedStore:
        self._changed.__enter__()
        return self._store

    def __exit__(self, *error: object) -> None:
        self._changed.__exit__(None, None, None)


def virtual_terms(**changes: object) -> BatchTerms:
    terms = BatchTerms(
        quantity=5,
        gives=(Worth.of_money(TEN_EUROS),),
        face=TEN_EUROS,
        reseller="softkey",
        margin_bps=2000,
        virtual=True,
        product="credits-10",
    )
    return replace(terms, **changes)


def stock(**changes: object):
    return an_approved_batch(terms=virtual_terms(**changes))


def owed_by_reseller() -> str:
    return (
        services.get(Ledger).balance(account=AccountRef("reseller_receivable", "EUR", "softkey")).posted.major
    )


def owed_for_cards(batch) -> str:
    return services.get(Ledger).balance(account=AccountRef("cards_sold", "EUR", str(batch.id))).posted.major


def activate(code: str, player) -> object:
    return activate_card(a_command(at=now()), player=player.id, code=code).answer


def counts(batch) -> Mapping[CardState, int]:
    return services.get(Cards).counts(batch_id=batch.id, at=now())


class TestSale:
    def test_brings_a_code_that_works_and_is_booked_as_sold_to_the_store(self, store: PretendedStore) -> None:
        batch, player = stock(), a_player()

        heard = store.sell("A-1001", product="credits-10")

        assert heard.status == 200, heard.text
        (code,) = heard.codes
        assert (owed_by_reseller(), owed_for_cards(batch)) == ("8.00", "10.00")
        assert counts(batch) == {CardState.SOLD: 1}
        activate(code, player)
        assert services.get(Charging).wallet(player=player.id).posted.major == "1000.00"
        assert (owed_by_reseller(), owed_for_cards(batch)) == ("8.00", "0.00")
        assert_books_prove()

    def test_asked_for_again_brings_the_same_code_and_books_nothing(self, store: PretendedStore) -> None:
        batch = stock()

        first, *others = [store.sell("A-1001", product="credits-10") for _ in range(4)]

        assert {heard.codes for heard in others} == {first.codes}
        assert owed_by_reseller() == "8.00"
        assert counts(batch) == {CardState.SOLD: 1}
        assert_books_prove()

    def test_of_several_brings_as_many_and_other_lines_bring_others(self, one_store: PretendedStore) -> None:
        stock()

        three = one_store.sell("A-1", product="credits-10", quantity=3).codes
        other_line = one_store.sell("A-1", product="credits-10", line="2").codes
        other_order = one_store.sell("A-2", product="credits-10").codes

        assert len({*three, *other_line, *other_order}) == 5
        assert one_store.sell("A-1", product="credits-10", quantity=3).codes == three
        assert owed_by_reseller() == "40.00"
        assert_books_prove()

    def test_the_same_order_at_once_from_eight_connections_is_one_card(
        self, one_store: PretendedStore
    ) -> None:
        batch = stock()

        def buy(_: int) -> Heard:
            try:
                return one_store.sell("A-1", product="credits-10")
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as threads:
            heard = list(threads.map(buy, range(8)))

        assert {one.status for one in heard} == {200}
        assert len({one.codes for one in heard}) == 1
        assert counts(batch) == {CardState.SOLD: 1}
        assert (owed_by_reseller(), owed_for_cards(batch)) == ("8.00", "10.00")
        assert_books_prove()

    def test_many_orders_at_once_sell_no_more_than_was_approved(self, one_store: PretendedStore) -> None:
        batch = stock(quantity=5)

        def buy(number: int) -> Heard:
            try:
                return one_store.sell(f"A-{number}", product="credits-10")
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as threads:
            heard = list(threads.map(buy, range(12)))

        good = [one.codes for one in heard if one.status == 200]
        assert len(good) == len(set(good)) == 5
        assert {one.text for one in heard if one.status != 200} == {"ERROR stock_empty"}
        assert {one.status for one in heard} == {200, 503}
        assert counts(batch) == {CardState.SOLD: 5}
        assert_books_prove()

    def test_goes_on_from_the_next_approved_batch_once_there_is_one(self, one_store: PretendedStore) -> None:
        stock(quantity=1)
        one_store.sell("A-1", product="credits-10")
        assert one_store.sell("A-2", product="credits-10").status == 503

        stock(quantity=1)

        assert one_store.sell("A-2", product="credits-10").status == 200

    def test_needs_a_batch_of_its_own_product_approved_and_not_blocked_or_expired(
        self, one_store: PretendedStore
    ) -> None:
        an_order(terms=virtual_terms())
        stock(product="another")
        stock(reseller="somebody-else")
        stock(expires_at=NOW + timedelta(days=1))

        assert one_store.sell("A-1", product="credits-10").text == "ERROR stock_empty"

    def test_another_story_about_the_same_line_is_refused(self, one_store: PretendedStore) -> None:
        stock()
        stock(product="credits-50")
        one_store.sell("A-1", product="credits-10")

        assert one_store.sell("A-1", product="credits-10", quantity=2).text == "ERROR order_line_differs"
        assert one_store.sell("A-1", product="credits-50").text == "ERROR order_line_differs"
        assert owed_by_reseller() == "8.00"

    def test_that_is_cut_off_before_its_answer_is_finished_by_the_next_call(
        self, one_store: PretendedStore
    ) -> None:
        stock()
        # The process is killed right after the commit: the store hears nothing, and asks again.
        line = OrderLine("softkey", "A-1", "1")
        sold = sell_to_store(
            a_command(), line=line, reseller="softkey", product="credits-10", quantity=1
        ).answer

        heard = one_store.sell("A-1", product="credits-10")

        (given,) = services.get(Cards).codes_of(line=line)
        assert heard.codes == (given.code,)
        assert (given.serial,) == sold.serials
        assert owed_by_reseller() == "8.00"
        assert_books_prove()

    @pytest.mark.parametrize("step", ["make_card", "note"])
    def test_that_is_killed_between_its_steps_leaves_nothing(
        self, one_store: PretendedStore, step: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        batch = stock()
        right = getattr(virtual, step)

        def killed(*given: object, **named: object) -> None:
            right(*given, **named)
            raise KeyboardInterrupt

        with monkeypatch.context() as cut:
            cut.setattr(virtual, step, killed)
            with pytest.raises(KeyboardInterrupt):
                one_store.sell("A-1", product="credits-10")

        assert counts(batch) == {}
        assert owed_by_reseller() == "0.00"
        assert one_store.sell("A-1", product="credits-10").status == 200
        assert_books_prove()


class TestTrust:
    def test_another_secret_is_refused_and_sells_nothing(self, store: PretendedStore) -> None:
        batch = stock()
        stranger = a_store(store.dialect, secret="a secret that nobody told us")

        heard = stranger.sell("A-1", product="credits-10")

        assert heard.status == 401
        assert counts(batch) == {}

    def test_the_answer_is_signed_where_the_dialect_signs(self, store: PretendedStore) -> None:
        stock()

        assert store.sell("A-1", product="credits-10").is_signed == store.dialect.endswith("hmac")

    def test_the_secret_before_is_believed_while_it_is_changed(self) -> None:
        stock()
        old = a_store("softkey-hmac", secret="the secret until yesterday")
        new = a_store("softkey-hmac")
        with opened(new, previous_secret=old.secret):
            assert old.sell("A-1", product="credits-10").status == 200
            assert new.sell("A-1", product="credits-10").status == 200

    @pytest.mark.parametrize(
        "message",
        [
            Message("POST", "", {"content-type": "application/x-www-form-urlencoded"}, b""),
            Message("POST", "", {"content-type": "application/octet-stream"}, bytes(range(256))),
            Message("GET", "a=1&a=2", {}, b""),
            Message("POST", "", {"content-type": "application/json"}, b"[" * 5000),
        ],
    )
    def test_what_can_not_be_read_is_refused(self, store: PretendedStore, message: Message) -> None:
        status, _headers, _body = over_the_api("softkey")(message)

        assert status in (400, 401)

    def test_a_call_that_is_too_long_is_refused_unread(self, one_store: PretendedStore) -> None:
        body = b"x=" + b"y" * 70_000
        form = {"content-type": "application/x-www-form-urlencoded"}

        assert over_the_api("softkey")(Message("POST", "", form, body))[0] == 413

    def test_there_is_a_limit_to_calls(self) -> None:
        stock()
        with opened(a_store("softkey"), calls_per_second=3) as store:
            found = [store.sell("A-1", product="credits-10").status for _ in range(6)]

        assert found[:3] == [200, 200, 200]
        assert 429 in found

    def test_a_store_that_is_not_there_or_switched_off_answers_nothing(
        self, one_store: PretendedStore
    ) -> None:
        stock()
        assert a_store("fastspring", name="elsewhere").sell("A-1", product="credits-10").status == 404
        with opened(a_store("fastspring"), enabled=False) as closed:
            assert closed.sell("A-1", product="credits-10").status == 409
        with opened(a_store("fastspring"), secret="short") as broken:
            assert broken.sell("A-1", product="credits-10").status == 503


class TestTakingBack:
    def test_an_unused_code_becomes_void_and_nobody_owes_for_it(self, store: PretendedStore) -> None:
        batch, player = stock(), a_player()
        (code,) = store.sell("A-1", product="credits-10").codes

        heard = store.cancel("A-1")

        assert heard.status == 200, heard.text
        assert store.cancel("A-1").status == 200, "told again"
        assert counts(batch) == {CardState.VOID: 1}
        assert (owed_by_reseller(), owed_for_cards(batch)) == ("0.00", "0.00")
        with pytest.raises(UnableToActivateCard):
            activate(code, player)
        assert store.sell("A-1", product="credits-10").status == 422
        assert_books_prove()

    def test_a_used_code_stays_and_the_store_is_told_so(self, store: PretendedStore) -> None:
        batch, player = stock(), a_player()
        (code,) = store.sell("A-1", product="credits-10").codes
        activate(code, player)

        heard = store.cancel("A-1")

        assert heard.status == 422
        assert "card_already_activated" in heard.text
        assert counts(batch) == {CardState.ACTIVATED: 1}
        assert owed_by_reseller() == "8.00"
        assert_books_prove()

    def test_of_several_takes_back_all_or_none(self, one_store: PretendedStore) -> None:
        batch, player = stock(), a_player()
        codes = one_store.sell("A-1", product="credits-10", quantity=3).codes
        activate(codes[1], player)

        assert one_store.cancel("A-1").status == 422
        assert counts(batch) == {CardState.SOLD: 2, CardState.ACTIVATED: 1}
        assert_books_prove()

    def test_of_one_line_leaves_the_others(self, one_store: PretendedStore) -> None:
        batch = stock()
        for line in ("1", "2"):
            one_store.sell("A-1", product="credits-10", line=line)

        assert one_store.cancel("A-1", line="2").status == 200
        assert counts(batch) == {CardState.SOLD: 1, CardState.VOID: 1}
        assert owed_by_reseller() == "8.00"

    def test_at_once_with_its_activation_is_one_of_the_two(self, one_store: PretendedStore) -> None:
        stock(quantity=8)
        for round in range(8):
            player = a_player()
            (code,) = one_store.sell(f"A-{round}", product="credits-10").codes

            def use(code: str = code, player=player) -> str:
                try:
                    activate(code, player)
                    return "used"
                except UnableToActivateCard as refusal:
                    return refusal.reason
                finally:
                    connections.close_all()

            def cancel(order: str = f"A-{round}") -> int:
                try:
                    return one_store.cancel(order).status
                finally:
                    connections.close_all()

            with ThreadPoolExecutor(2) as threads:
                used, cancelled = threads.submit(use), threads.submit(cancel)
            assert (used.result(), cancelled.result()) in {("used", 422), ("card_blocked", 200)}
        assert_books_prove()

    def test_of_an_order_that_is_not_ours_is_refused(self, one_store: PretendedStore) -> None:
        assert one_store.cancel("nobody's").text == "ERROR order_unknown"


class TestKeeping:
    def test_a_closed_order_has_no_codes_any_more_and_its_cards_stay_good(
        self, one_store: PretendedStore
    ) -> None:
        stock()
        player = a_player()
        (code,) = one_store.sell("A-1", product="credits-10").codes

        assert one_store.close("A-1").status == 200

        assert one_store.sell("A-1", product="credits-10").text == "ERROR order_closed"
        assert services.get(Cards).codes_of(line=OrderLine("softkey", "A-1")) == ()
        activate(code, player)
        assert_books_prove()

    def test_old_orders_are_closed_by_themselves(self, one_store: PretendedStore) -> None:
        from warchest.jobs.housekeeping import close_store_orders

        stock()
        one_store.sell("A-1", product="credits-10")

        assert close_store_orders(at=now() + timedelta(days=29)) == 0
        assert close_store_orders(at=now() + timedelta(days=31)) == 1
        assert close_store_orders(at=now() + timedelta(days=31)) == 0

    def test_no_code_stands_anywhere_in_clear(self, one_store: PretendedStore, superuser_dsn_of) -> None:
        import psycopg

        stock()
        (code,) = one_store.sell("A-1", product="credits-10").codes
        bare = code.replace("-", "")
        for service in ("cards", "ledger", "payments"):
            with psycopg.connect(superuser_dsn_of(service)) as connection:
                tables = connection.execute(
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
                ).fetchall()
                for (table,) in tables:
                    for (row,) in connection.execute(f'SELECT t::text FROM "{table}" AS t').fetchall():
                        assert code not in row and bare not in row, table

    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE cards_issuedcode SET \"order\" = 'another'",
            "UPDATE cards_issuedcode SET sealed = '\\x00'",
            "DELETE FROM cards_issuedcode",
            "UPDATE cards_batch SET product = 'another'",
        ],
    )
    def test_what_was_issued_stays_whoever_writes(self, one_store: PretendedStore, attack: str) -> None:
        stock()
        one_store.sell("A-1", product="credits-10")

        with services.database("cards").cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute(attack)

    def test_a_cards_life_tells_of_its_sale(self, one_store: PretendedStore) -> None:
        stock()
        one_store.sell("A-1", product="credits-10")
        one_store.cancel("A-1")

        found = virtual.IssuedCode.objects.get(order="A-1")
        card = services.get(Cards).card(serial=found.serial, at=now())
        assert [(moment.what, moment.actor) for moment in card.history] == [
            ("sold", "provider:softkey"),
            ("sale_reversed", "provider:softkey"),
        ]


class TestBatches:
    def test_of_virtual_cards_are_approved_like_all_and_never_made_together(self) -> None:
        batch = stock()

        with pytest.raises(UnableToGenerateBatch, match="batch_is_virtual"):
            generate_batch(acting_as(an_administrator(Role.ADMINISTRATOR)), batch=batch.id)

    @pytest.mark.parametrize(
        "changes",
        [
            {"product": ""},
            {"reseller": "", "margin_bps": 0},
            {"virtual": False},
            {"face": Money.parse("0.00", "EUR")},
        ],
    )
    def test_need_a_reseller_a_product_and_a_price(self, changes: dict[str, object]) -> None:
        with pytest.raises(UnableToOrderBatch, match="virtual_batch_malformed"):
            an_order(terms=virtual_terms(**changes))
