"""What an older system has is here afterwards: once, as it was, and the books prove."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result
from django.contrib.auth import authenticate
from django.db import connection, connections
from django.db.backends.utils import CursorWrapper

from tests.builders.books import assert_books_prove
from tests.builders.databases import named
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.older_system import CUTOVER, OlderSystem, a_guildhall
from tests.builders.people import a_command, a_player
from tests.builders.tampering import with_all_rights
from warchest.charging.contract import Charging, Source, WalletState
from warchest.cli.main import main
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.register_player import register_player
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryFilter, Ledger
from warchest.members.contract import Members, PlayerState
from warchest.referrals.contract import Referrals
from warchest.runtime.databases import aliases
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

pytestmark = pytest.mark.usefixtures("database")

AT = CUTOVER.isoformat()


def move_in(word: str, folder: Path, *more: str) -> Result:
    at = () if word == "prove" else ("--at", AT)
    done = CliRunner().invoke(main, ["move-in", word, str(folder), *at, *more])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def player_of(external_id: str) -> UUID:
    return services.get(Members).by_external_ids(external_ids=[external_id])[external_id]


def tables() -> Iterator[tuple[str, CursorWrapper]]:
    """Every table of every database of the house, with a cursor that reads it."""
    for alias in aliases():
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT table_name FROM information_schema.tables"
                " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            )
            for (name,) in cursor.fetchall():
                yield name, cursor


def everything() -> dict[str, int]:
    """How many rows each table has, over all databases."""
    found: Counter[str] = Counter()
    for name, cursor in tables():
        cursor.execute(f'SELECT count(*) FROM "{name}"')
        found[name] += cursor.fetchone()[0]
    return dict(found)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return a_guildhall().write(tmp_path / "files")


class TestDryRun:
    def test_writes_nothing(self, files: Path) -> None:
        before = everything()

        done = move_in("check", files)

        assert done.exit_code == 0 and "Nothing stands in the way." in done.output
        assert everything() == before
        assert not (files / "proof.json").exists()

    def test_says_who_has_to_set_a_password(self, files: Path) -> None:
        said = move_in("check", files).output

        assert "without a password, who have to set one: 2." in said
        assert "can't be read here, who have to set another: 1, in lines 4." in said

    def test_reads_json_lines_as_well(self, tmp_path: Path) -> None:
        assert move_in("check", a_guildhall().write(tmp_path / "lines", json_lines=True)).exit_code == 0


class TestTakeOver:
    def test_every_player_is_who_they_were(self, files: Path) -> None:
        move_in("run", files)

        members = services.get(Members)
        carl, dora = (members.player(player_id=player_of(name)) for name in ("carl", "dora"))
        assert (carl.nickname, carl.country, carl.external_id) == ("carl", "JP", "carl")
        assert carl.registered_at == datetime(2019, 5, 1, tzinfo=UTC)
        assert members.address_of(player_id=carl.id) == "carl@example.org"
        assert dora.state is PlayerState.FROZEN
        assert services.get(Charging).wallet(player=dora.id).state is WalletState.FROZEN

    def test_the_tree_is_as_it_was(self, files: Path) -> None:
        move_in("run", files)

        upline = services.get(Referrals).upline(player=player_of("carl"))
        assert [one.player for one in upline] == [player_of("bert"), player_of("anna")]

    def test_lots_keep_their_terms(self, files: Path) -> None:
        move_in("run", files)

        promotion, paid = services.get(Charging).wallet(player=player_of("bert"), at=CUTOVER).lots
        assert (promotion.source, promotion.units, promotion.consideration.minor) == (
            Source.PROMOTION,
            Money.units(5000),
            0,
        )
        assert not promotion.terms.refundable and promotion.opened_at == CUTOVER
        assert (paid.units, paid.consideration) == (Money.units(10000), Money.parse("1.00", "EUR"))
        assert paid.terms.refundable and paid.terms.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
        assert paid.opened_at == datetime(2024, 2, 3, tzinfo=UTC)
        (prize,) = services.get(Charging).wallet(player=player_of("dora"), at=CUTOVER).lots
        assert prize.terms.payable_out and not prize.terms.transferable

    def test_what_is_left_of_a_term_is_earned_over_the_rest(self, files: Path) -> None:
        move_in("run", files)
        # 2.10 over the fourteen days from the cut-over to 15 March, and 40.00 over 337 days.
        for day in range(7):
            earned = recognise_revenue(
                a_command(at=CUTOVER + timedelta(days=day + 1)), day=(CUTOVER + timedelta(days=day)).date()
            ).answer

        assert earned.journal_entry
        revenue = {
            line.currency: line.balance_minor
            for line in services.get(Ledger).trial_balance()
            if line.book == "revenue"
        }
        assert revenue == {"EUR": 105 + 4000 * 7 // 337}
        assert_books_prove()

    def test_terms_one_after_the_other_are_one_stretch(self, files: Path) -> None:
        move_in("run", files)

        anna = player_of("anna")
        right = services.get(Subscriptions).entitlement(player=anna, online_service=ARENA, at=CUTOVER)
        (subscription,) = services.get(Subscriptions).subscriptions(player=anna)
        assert right.until == datetime(2026, 4, 15, tzinfo=UTC)
        assert subscription.starts_at == datetime(2026, 2, 15, tzinfo=UTC)
        assert [
            grant.source for grant in services.get(Subscriptions).grants(subscription_id=subscription.id)
        ] == [
            "gift",
            "paid",
        ]
        changes = services.get(Subscriptions).entitlement_changes()
        # Game servers hear of what still runs, and not of what ended a year ago.
        assert {change.player for change in changes} == {anna, player_of("bert")}

    def test_business_goes_on_with_what_was_brought(self, files: Path) -> None:
        system = a_guildhall()
        system.lot("l5", "anna", "500.00", "5.00 EUR").balance("bank", "5.00 EUR")
        system.balances[-1]["account"] = "other_assets"
        move_in("run", system.write(files))

        bought = prolong_subscription(
            a_command(at=CUTOVER + timedelta(days=1)), player=player_of("anna"), plan=ARENA_MONTH, periods=1
        ).answer

        assert bought.starts_at == datetime(2026, 4, 15, tzinfo=UTC)
        assert_books_prove()

    def test_books_are_opened_at_the_cut_over_and_nothing_is_left_on_the_clearing_account(
        self, files: Path
    ) -> None:
        move_in("run", files)

        ledger = services.get(Ledger)
        opened = {
            (line.book, line.currency): line.balance_minor
            for line in ledger.trial_balance(until=CUTOVER + timedelta(microseconds=1))
        }
        assert opened["bank", "EUR"] == 10000 and opened["bank", "JPY"] == 2000
        assert opened["wallet_funding", "EUR"] == 110 and opened["deferred_revenue", "EUR"] == 4210
        assert opened["opening_balance_equity", "EUR"] == opened["opening_balance_equity", "JPY"] == 0
        owed = ledger.book_sums_by_owner(book="commission_payable")
        assert owed == {(str(player_of("anna")), "EUR"): 1234}
        assert {entry.occurred_at for entry in ledger.find_entries(only=EntryFilter(kind="opening"))} == {
            CUTOVER
        }
        assert_books_prove()

    def test_names_are_of_any_alphabet(self, tmp_path: Path) -> None:
        system = OlderSystem().player('a"b', nickname="Jörg-Ü", email="jo@exämple.org")
        system.player("İ,stanbul", nickname="İstanbul", email="i@example.org", sponsor='a"b').lot(
            "l,1", 'a"b', "1.00"
        )

        assert move_in("run", system.write(tmp_path / "files")).exit_code == 0
        assert services.get(Members).player(player_id=player_of("İ,stanbul")).nickname == "İstanbul"

    def test_a_difference_is_traced_to_its_opening_entry(
        self, files: Path, server_dsn: Callable[[str], str], database: str
    ) -> None:
        move_in("run", files)
        shop, wallets = (
            server_dsn(named(database, services.alias(name))) for name in ("subscriptions", "charging")
        )
        with_all_rights(
            shop, "UPDATE subscriptions_deferral SET net_minor = net_minor + 1 WHERE net_minor = 210"
        )
        with_all_rights(
            wallets,
            "UPDATE charging_lot SET consideration_minor = consideration_minor + 1,"
            " consideration_left_minor = consideration_left_minor + 1 WHERE consideration_minor = 100",
        )

        said = move_in("prove", files).output

        assert "which books 100, while 101 are kept of it" in said
        assert "which books 210, while 211 are kept of it" in said

    def test_says_who_ran_it(self, files: Path) -> None:
        move_in("run", files, "--operator", "olga")

        lines = _operations()
        assert [name for name, _ in lines] == [
            "move_in.begin",
            "move_in.players",
            "move_in.wallets",
            "move_in.subscriptions",
            "move_in.balances",
            "move_in.finish",
        ]
        assert {actor for _, actor in lines} == {"olga"}

    def test_whose_name_is_none_does_not_stand_there(self, files: Path) -> None:
        assert move_in("run", files, "--operator", "o" * 65).exit_code == 2
        assert move_in("run", files, "--operator", "").exit_code == 2
        assert _operations() == []

    def test_personal_data_stay_with_members(self, files: Path) -> None:
        move_in("run", files)

        for table, cursor in tables():
            if not table.startswith("members_"):
                cursor.execute(
                    f"SELECT count(*) FROM \"{table}\" AS t WHERE t::text ~ 'example.org|anna|bert|carl|dora'"
                )
                assert cursor.fetchone()[0] == 0, table


def _operations() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, actor_id FROM runtime_operation WHERE name LIKE 'move_in.%' ORDER BY id")
        return list(cursor.fetchall())


class TestPasswords:
    def test_go_on_to_open_the_door(self, tmp_path: Path) -> None:
        import bcrypt
        from django.contrib.auth.hashers import PBKDF2PasswordHasher

        hashed = {
            "argon": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse"),
            "crypt": bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
            "django": PBKDF2PasswordHasher().encode("correct horse", "saltsalt", iterations=10),
        }
        system = OlderSystem()
        for name, text in hashed.items():
            system.player(name, password_hash=text)
        system.player("other", password_hash="5f4dcc3b5aa765d61d8327deb882cf99")
        assert move_in("run", system.write(tmp_path / "files")).exit_code == 0

        for name in hashed:
            login = f"{name}@example.org"
            assert authenticate(username=login, password="wrong horse") is None
            user = authenticate(username=login, password="correct horse")
            assert user is not None
            user.refresh_from_db()
            assert user.password.startswith("argon2$"), "hashed anew at the first sign-in"
        assert authenticate(username="other@example.org", password="password") is None

    @pytest.mark.parametrize(
        "text",
        [
            "$argon2id$v=19$m=99999999,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$" + "A" * 43,
            "$2b$31$" + "a" * 53,
            "pbkdf2_sha256$999999999$salt$" + "A" * 43 + "=",
            "pbkdf2_sha256$1000$salt$short",
            "argon2$",
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            "!",
            "x" * 200,
        ],
    )
    def test_that_would_cost_too_much_or_mean_nothing_are_not_kept(self, tmp_path: Path, text: str) -> None:
        done = move_in("check", OlderSystem().player("anna", password_hash=text).write(tmp_path / "files"))

        assert "can't be read here, who have to set another: 1" in done.output


class TestAgain:
    def test_changes_nothing_and_says_so(self, files: Path) -> None:
        move_in("run", files)
        proof = (files / "proof.json").read_bytes()
        before = everything()

        done = move_in("run", files)

        assert done.exit_code == 0
        assert "All of it was taken over before. Nothing was changed." in done.output
        assert everything() == before
        assert (files / "proof.json").read_bytes() == proof

    @pytest.mark.parametrize(
        ("table", "column", "value", "place"),
        [
            ("players", "country", "FR", "players.csv, line 2"),
            ("players", "email", "other@example.org", "players.csv, line 2"),
            ("wallets", "refundable", "no", "wallets.csv, line 2"),
            ("subscriptions", "ends_at", "2026-03-14", "subscriptions.csv, line 2"),
            ("balances", "amount", "100.01", "balances.csv, line 2"),
        ],
    )
    def test_a_changed_row_is_told_as_a_difference(
        self, files: Path, tmp_path: Path, table: str, column: str, value: str, place: str
    ) -> None:
        move_in("run", files)
        before = everything()
        changed = a_guildhall()
        getattr(changed, table)[0][column] = value

        done = move_in("run", changed.write(tmp_path / "changed"))

        assert done.exit_code == 1
        assert f"{place}: The row differs from what was taken over before." in done.output
        assert everything() == before

    def test_a_new_row_and_a_missing_one_are_told_once_it_is_finished(
        self, files: Path, tmp_path: Path
    ) -> None:
        move_in("run", files)
        changed = a_guildhall().player("emil")
        changed.wallets.pop()

        said = move_in("check", changed.write(tmp_path / "changed")).output

        assert "players.csv, line 6: The row was not there when the take-over was finished" in said
        assert "wallets.csv: 1 of the rows that were taken over before are not in the file any more" in said

    def test_another_moment_of_cut_over_is_refused(self, files: Path) -> None:
        move_in("run", files)
        done = CliRunner().invoke(main, ["move-in", "check", str(files), "--at", "2026-03-02T00:00:00Z"])

        assert done.exit_code == 1
        assert "stands at the cut-over 2026-03-01T00:00:00+00:00. Give that moment with --at." in done.output

    def test_a_second_system_moves_in_beside_the_first(self, files: Path, tmp_path: Path) -> None:
        move_in("run", files)
        second = OlderSystem(says={"system": "old-league"}).player("emil", sponsor="carl")
        second.lot("l1", "emil", "5.00", "0.05 EUR").balance("bank", "0.05 EUR")

        assert move_in("run", second.write(tmp_path / "second")).exit_code == 0
        assert move_in("prove", files).exit_code == 0
        assert services.get(Referrals).upline(player=player_of("emil"))[0].player == player_of("carl")
        assert_books_prove()


class TestProof:
    def test_is_kept_in_a_file_whose_digest_stands_in_the_record(self, files: Path) -> None:
        from hashlib import sha256

        move_in("run", files, "--operator", "olga")

        written = (files / "proof.json").read_bytes()
        proof = json.loads(written)
        assert proof["all_agree"] and proof["operator"] == "olga" and proof["rules_broken"] == 0
        assert (
            proof["files_sha256"]["players.csv"] == sha256((files / "players.csv").read_bytes()).hexdigest()
        )
        assert {
            "name": "players with a sponsor",
            "currency": "",
            "older_system": "2",
            "here": "2",
            "difference": "0",
        } in (proof["figures"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT details ->> 'proof' FROM runtime_operation WHERE name = 'move_in.finish'")
            assert cursor.fetchone() == (sha256(written).hexdigest(),)

    def test_that_can_not_be_written_leaves_the_take_over_open(self, files: Path) -> None:
        done = move_in("run", files, "--proof", str(files / "nowhere" / "proof.json"))

        assert done.exit_code == 1 and "A file can't be read or written" in done.output
        again = move_in("run", files)
        assert again.exit_code == 0 and "the take-over is finished" in again.output
        assert (files / "proof.json").exists()

    def test_holds_however_much_is_booked_afterwards(self, files: Path) -> None:
        move_in("run", files)
        a_player(nickname="emil", with_units="1000")

        done = move_in("prove", files)

        assert done.exit_code == 0, done.output

    def test_names_what_is_missing(self, files: Path) -> None:
        move_in("run", files)
        control = json.loads((files / "control.json").read_text())
        control["units"] = "771.00"
        (files / "control.json").write_text(json.dumps(control))

        done = move_in("prove", files)

        assert done.exit_code == 1
        assert [line.split() for line in done.output.splitlines() if line.startswith("units in lots")] == [
            ["units", "in", "lots", "XCR", "771.00", "770.00", "-1.00"]
        ]

    def test_names_the_rest_while_it_is_not_complete_and_ends_when_it_is(self, tmp_path: Path) -> None:
        system = OlderSystem(says={"complete": False}).player("anna").lot("l1", "anna", "100", "1.00 EUR")
        folder = system.write(tmp_path / "files")

        first = move_in("run", folder)

        assert first.exit_code == 0
        assert "-1.00 EUR will be left on opening balance equity." in first.output
        assert "The take-over stays open" in first.output
        system.says = {}
        assert "The books don't balance in EUR: 1.00 EUR more is owed than owned" in (
            move_in("check", system.write(folder)).output
        )
        last = move_in("run", system.balance("bank", "1.00 EUR").write(folder))
        assert last.exit_code == 0 and "Rows taken over: 1," in last.output
        assert "the take-over is finished" in last.output
        assert_books_prove()


class TestPeopleWhoAreHereAlready:
    def test_keep_their_names(self, files: Path) -> None:
        a_player(nickname="Anna")

        said = move_in("check", files).output

        assert "players.csv, line 3, nickname: A player here is called so." in said
        assert "players.csv, line 3, email: Somebody here has this e-mail address." in said

    def test_keep_their_ids(self, files: Path) -> None:
        register_player(
            a_command(),
            nickname="emil",
            email="emil@example.org",
            password=None,
            country="DE",
            language="en",
            external_id="anna",
        )

        said = move_in("check", files).output

        assert "players.csv, line 3, id: A player here has this external id." in said
