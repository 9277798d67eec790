"""Every mistake in an older system's files is told with its place, and nothing is taken over."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.builders.older_system import CUTOVER, OlderSystem, a_guildhall
from warchest.cli.main import main
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services


@pytest.fixture(scope="module", autouse=True)
def house(lasting_database: Callable[[], AbstractContextManager[str]]) -> Iterator[None]:
    """One for all of them: none of these tests leaves anything behind, or it would not be true."""
    with lasting_database():
        yield


def check(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["move-in", "check", str(folder), "--at", CUTOVER.isoformat()])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def with_value(table: str, row: int, column: str, value: str) -> Callable[[OlderSystem], object]:
    return lambda system: getattr(system, table)[row].update({column: value})


MISTAKES: dict[str, tuple[Callable[[OlderSystem], object], str]] = {
    "an id twice": (
        lambda system: system.player("anna", nickname="other", email="o@example.org"),
        "players.csv, line 6, id: The same stands in line 3. It may be there once only.",
    ),
    "a nickname twice, but for capitals": (
        lambda system: system.player("ANNA", email="o@example.org"),
        "players.csv, line 6, nickname: The same stands in line 3.",
    ),
    "an address twice, but for capitals": (
        lambda system: system.player("emil", email="Anna@Example.org"),
        "players.csv, line 6, email: The same stands in line 3.",
    ),
    "a lot twice": (
        lambda system: system.lot("l1", "anna", "1.00"),
        "wallets.csv, line 6, id: The same stands in line 2.",
    ),
    "a balance twice": (
        lambda system: system.balance("bank", "1.00 EUR"),
        "account: The same stands in line 2.",
    ),
    "a sponsor that there is not": (
        with_value("players", 0, "sponsor", "zoe"),
        "players.csv, line 2, sponsor: There is no player 'zoe'. Bring the sponsor too",
    ),
    "a sponsor of oneself": (
        with_value("players", 1, "sponsor", "anna"),
        "players.csv, line 3, sponsor: The player is their own sponsor.",
    ),
    "a circle": (
        with_value("players", 1, "sponsor", "carl"),
        "sponsor: Who sponsors whom goes round in a circle: ",
    ),
    "no nickname": (
        with_value("players", 0, "nickname", "b t"),
        "players.csv, line 2, nickname: It is no nickname. Give it 3 to 24 letters",
    ),
    "nothing where something must be": (
        with_value("players", 0, "nickname", ""),
        "players.csv, line 2, nickname: Nothing is written here.",
    ),
    "no address": (
        with_value("players", 0, "email", "bert at example"),
        "players.csv, line 2, email: It is no e-mail address.",
    ),
    "no country": (
        with_value("players", 0, "country", "XX"),
        "players.csv, line 2, country: It is no country.",
    ),
    "no language": (
        with_value("players", 0, "language", "tlh"),
        "players.csv, line 2, language: It is no language that is spoken here.",
    ),
    "no state": (
        with_value("players", 0, "state", "banned"),
        "state: 'banned' is not known. Write one of active, frozen, closed.",
    ),
    "someone who joined later": (
        with_value("players", 0, "joined_at", "2026-03-02"),
        "players.csv, line 2, joined_at: This is after the cut-over.",
    ),
    "no day": (with_value("players", 0, "joined_at", "01.05.2019"), "joined_at: '01.05.2019' is no moment."),
    "a moment of nowhere": (
        with_value("players", 0, "joined_at", "2019-05-01T12:00:00"),
        "joined_at: '2019-05-01T12:00:00' has no time zone.",
    ),
    "a moment of no century": (
        with_value("players", 0, "joined_at", "0001-01-01T00:00:00+14:00"),
        "is too far away. Moments lie between 1970 and 2200.",
    ),
    "a wallet that is more than its lots": (
        with_value("players", 0, "wallet_units", "150.01"),
        "players.csv, line 2, wallet_units: 'bert' has 150.01 XCR, the lots in wallets.csv sum to 150.00 XCR.",
    ),
    "a negative amount": (
        with_value("wallets", 0, "units", "-1.00"),
        "wallets.csv, line 2, units: '-1.00' is negative.",
    ),
    "too many decimals": (
        with_value("wallets", 0, "consideration", "1.001"),
        "wallets.csv, line 2, consideration: '1.001' has more decimals than EUR, which has 2.",
    ),
    "yen with decimals": (
        with_value("wallets", 2, "consideration", "1000.50"),
        "consideration: '1000.50' has more decimals than JPY, which has 0.",
    ),
    "separators": (with_value("wallets", 0, "units", "1,000.00"), "units: '1,000.00' is no amount."),
    "an amount beyond all sense": (
        with_value("wallets", 0, "units", "99999999999999.00"),
        "units: '99999999999999.00' is too large.",
    ),
    "a lot of nothing": (with_value("wallets", 0, "units", "0"), "units: The lot has no units."),
    "a lot of nobody": (
        with_value("wallets", 0, "player", "zoe"),
        "wallets.csv, line 2, player: There is no player 'zoe'.",
    ),
    "no source": (
        with_value("wallets", 0, "source", "theft"),
        "source: 'theft' is not known. Write one of card_payment",
    ),
    "neither yes nor no": (
        with_value("wallets", 1, "refundable", "maybe"),
        "refundable: 'maybe' is neither yes nor no.",
    ),
    "a promotion to be paid out": (
        with_value("wallets", 1, "payable_out", "yes"),
        "wallets.csv, line 3, payable_out: What nobody paid for is never paid out.",
    ),
    "a lot that is over": (
        with_value("wallets", 0, "expires_at", "2026-02-28"),
        "wallets.csv, line 2, expires_at: The lot's term was over at the cut-over.",
    ),
    "money of no currency": (
        with_value("wallets", 0, "currency", ""),
        "wallets.csv, line 2, currency: The consideration has no currency.",
    ),
    "no currency": (with_value("wallets", 0, "currency", "EURO"), "currency: 'EURO' is no currency."),
    "units paid with units": (with_value("wallets", 0, "currency", "XCR"), "currency: Units are no money"),
    "a currency without a rate": (
        with_value("wallets", 0, "currency", "CHF"),
        "wallets.csv, line 2, currency: No rate is kept for CHF. Enter a rate in the back office first",
    ),
    "an unknown online service": (
        with_value("subscriptions", 0, "online_service", "chess"),
        "online_service: Nobody knows the online service 'chess'. Map it in control.json to one of arena.",
    ),
    "an unknown plan": (
        with_value("subscriptions", 0, "plan", "gold"),
        "plan: 'arena' has no plan 'gold'. Map it in control.json to one of arena-month, arena-year.",
    ),
    "a term backwards": (
        with_value("subscriptions", 2, "ends_at", "2024-12-31"),
        "subscriptions.csv, line 4, ends_at: The term ends before it begins.",
    ),
    "terms that overlap": (
        with_value("subscriptions", 1, "starts_at", "2026-03-14"),
        "subscriptions.csv, line 3, starts_at: The term begins before the one in line 2 ends.",
    ),
    "a gap behind a term that still runs": (
        with_value("subscriptions", 1, "starts_at", "2026-03-16"),
        "subscriptions.csv, line 3, starts_at: The term begins later than the one in line 2 ends.",
    ),
    "something left to earn of a term that is over": (
        lambda system: system.subscriptions[2].update({"deferred": "1.00", "currency": "EUR"}),
        "subscriptions.csv, line 4, deferred: The term was over at the cut-over, and something is left to earn.",
    ),
    "an account that others explain": (
        with_value("balances", 0, "account", "provider_clearing"),
        "account: No balance can be brought for 'provider_clearing'. Our own payments explain it",
    ),
    "an account that there is not": (
        with_value("balances", 0, "account", "petty_cash"),
        "account: No balance can be brought for 'petty_cash'. There are bank, ",
    ),
    "a commission of nobody": (
        with_value("balances", 2, "owner", "zoe"),
        "balances.csv, line 4, owner: There is no player 'zoe'.",
    ),
    "a tax of no country": (with_value("balances", 3, "owner", "Germany"), "owner: 'Germany' is no country."),
    "an account without its owner": (
        with_value("balances", 3, "owner", ""),
        "owner: tax_payable is kept for each owner.",
    ),
    "no side": (with_value("balances", 0, "side", "left"), "side: 'left' is no side. Write debit or credit"),
    "books that don't balance": (
        lambda system: system.balances.pop(),
        "control.json, complete: The books don't balance in JPY: 1000 JPY more is owned than owed and in equity.",
    ),
    "a control total of players": (
        lambda system: system.says.update(players=5),
        "control.json, players: The older system says 5, the rows of players make 4.",
    ),
    "a control total of units": (
        lambda system: system.says.update(units="1.00"),
        "control.json, units: The older system says 1.00 XCR, the rows of wallets make 770.00 XCR.",
    ),
    "a control total of money": (
        lambda system: system.says.update(consideration={"EUR": "1.10", "JPY": "999"}),
        "control.json, consideration: The older system says 999 JPY, the rows of wallets make 1000 JPY.",
    ),
    "a control total of an account": (
        lambda system: system.says.update(accounts={}),
        "control.json, accounts.bank: The older system says 0.00 EUR, the rows of balances make 100.00 EUR.",
    ),
    "a control amount that is none": (
        lambda system: system.says.update(units="many"),
        "control.json, units: 'many' 'XCR': amount_malformed.",
    ),
    "a control field that is misspelt": (
        lambda system: system.says.update(player=4),
        "control.json: It can't be read: Object contains unknown field `player`.",
    ),
    "a name for no system": (
        lambda system: system.says.update(system="Guild Hall"),
        "control.json, system: 'Guild Hall' is no name for a system.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_is_told_with_its_place(tmp_path: Path, mistake: str) -> None:
    make, told = MISTAKES[mistake]
    system = a_guildhall()
    make(system)

    code, said = check(system.write(tmp_path / "files"))

    assert code == 1
    assert told in said


def test_all_are_told_at_once_and_nothing_is_taken(tmp_path: Path) -> None:
    """In one file: as many of the mistakes as fit beside each other."""
    system = a_guildhall()
    alone = {
        "a name for no system",
        "a control field that is misspelt",
        "a circle",
        "a control amount that is none",
    }
    for name, (make, _) in MISTAKES.items():
        if name.startswith(("a control", "books")) and name not in alone:
            make(system)
    system.player("anna", nickname="other").player("x", nickname="y").lot("l1", "zoe", "-1").term(
        "s1", "anna", "2026-01-01", "2026-02-16"
    )
    folder = system.write(tmp_path / "files")

    done = CliRunner().invoke(main, ["move-in", "run", str(folder), "--at", CUTOVER.isoformat()])

    assert done.exit_code == 1 and "Nothing was taken over." in done.output
    for words in ("players.csv, line 6", "players.csv, line 7", "wallets.csv, line 6", "control.json, units"):
        assert words in done.output
    assert services.get(Ledger).count_entries() == 0
    assert not (folder / "proof.json").exists()


def test_every_circle_is_told_once_and_those_below_it_are_not(tmp_path: Path) -> None:
    system = OlderSystem()
    for name, sponsor in (
        ("aaa", "bbb"),
        ("bbb", "ccc"),
        ("ccc", "aaa"),
        ("ddd", "aaa"),
        ("eee", "fff"),
        ("fff", "eee"),
    ):
        system.player(name, sponsor=sponsor)

    _, said = check(system.write(tmp_path / "files"))

    assert (
        "players.csv, line 2, sponsor: Who sponsors whom goes round in a circle: 'aaa' → 'bbb' → 'ccc' → 'aaa'."
        in said
    )
    assert (
        "players.csv, line 6, sponsor: Who sponsors whom goes round in a circle: 'eee' → 'fff' → 'eee'."
        in said
    )
    assert "Findings: 2." in said


def test_a_long_line_of_sponsors_is_no_circle(tmp_path: Path) -> None:
    system = OlderSystem()
    for number in reversed(range(2000)):
        system.player(f"player{number}", sponsor=f"player{number - 1}" if number else "")

    assert check(system.write(tmp_path / "files"))[0] == 0


def test_a_report_stays_readable_however_many_there_are(tmp_path: Path) -> None:
    system = OlderSystem()
    for number in range(500):
        system.player(f"player{number}", country="XX", sponsor="nobody")

    code, said = check(system.write(tmp_path / "files"))

    assert code == 1
    assert "players.csv, country: 490 more of the same kind" in said
    assert "Findings: 1000." in said and len(said.splitlines()) < 30


class TestFiles:
    def written(self, tmp_path: Path, name: str, contents: bytes) -> tuple[int, str]:
        folder = a_guildhall().write(tmp_path / "files")
        (folder / name).write_bytes(contents)
        return check(folder)

    @pytest.mark.parametrize(
        ("contents", "told"),
        [
            (b"", "players.csv: The file is empty. Begin it with a heading"),
            (b"id;nickname\n", "players.csv, line 1, nickname: The heading lacks this column."),
            (
                b"id,nickname,email,country,language,joined_at,password\n",
                "players.csv, line 1, password: Nobody knows this column. Leave it out",
            ),
            (
                b"id,id,nickname,email,country,language,joined_at\n",
                "players.csv, line 1, id: The column is there twice.",
            ),
            (
                "id,nickname,email,country,language,joined_at\n1,Jörg,a@example.org,DE,en,2019-01-01\n".encode(
                    "latin-1"
                ),
                "players.csv, line 2: Byte 4 of the line is no UTF-8. Write the file in UTF-8.",
            ),
            (
                b"id,nickname,email,country,language,joined_at\n1,anna\n",
                "players.csv, line 2: The row has 2 fields, the heading 6.",
            ),
            (
                b'id,nickname,email,country,language,joined_at\n"1,anna,a@example.org\n',
                "From here on the file can't be read: unexpected end of data. Close every quote.",
            ),
            (b"id,nickname\0\n", "players.csv, line 1: The line has a zero byte."),
            (b"x" * 70_000, "players.csv, line 1: The line is longer than 64 KiB."),
            (
                b"id,nickname,email,country,language,joined_at\n1,an\x1bna,a@example.org,DE,en,2019-01-01\n",
                "nickname: There are characters that can't be printed.",
            ),
        ],
    )
    def test_that_are_none(self, tmp_path: Path, contents: bytes, told: str) -> None:
        code, said = self.written(tmp_path, "players.csv", contents)

        assert code == 1 and told in said

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("{", "wallets.jsonl, line 1: The line is no JSON"),
            ("[]", "wallets.jsonl, line 1: The line is no JSON object."),
            ('{"id": 5}', "wallets.jsonl, line 1, id: The value is neither text nor true or false."),
            ('{"unit": "5"}', "wallets.jsonl, line 1, unit: Nobody knows this field."),
        ],
    )
    def test_of_json_lines(self, tmp_path: Path, line: str, told: str) -> None:
        folder = a_guildhall().write(tmp_path / "files")
        (folder / "wallets.csv").unlink()
        (folder / "wallets.jsonl").write_text(line + "\n")

        code, said = check(folder)

        assert code == 1 and told in said

    def test_of_a_table_that_is_there_twice(self, tmp_path: Path) -> None:
        code, said = self.written(tmp_path, "players.jsonl", b"")

        assert code == 1 and "players.jsonl: There is players.csv too. Take one of them away." in said

    def test_that_are_missing(self, tmp_path: Path) -> None:
        folder = a_guildhall().write(tmp_path / "files")
        (folder / "players.csv").unlink()
        assert "players.csv: There is no such file." in check(folder)[1]
        (folder / "control.json").unlink()
        assert "control.json: There is no such file." in check(folder)[1]

    def test_with_a_mark_of_their_encoding_are_read(self, tmp_path: Path) -> None:
        folder = a_guildhall().write(tmp_path / "files")
        for file in folder.iterdir():
            file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())

        assert check(folder)[0] == 0

    def test_with_codes_of_their_own_are_read_by_what_control_says(self, tmp_path: Path) -> None:
        system = a_guildhall()
        for row in system.subscriptions:
            row.update(online_service="ARN", plan="M" if row["plan"] == "arena-month" else "Y")
        system.says.update(online_services={"ARN": "arena"}, plans={"M": "arena-month", "Y": "arena-year"})

        assert check(system.write(tmp_path / "files"))[0] == 0


def test_the_cut_over_has_come(tmp_path: Path) -> None:
    folder = a_guildhall().write(tmp_path / "files")
    for moment, told in (
        ("2199-01-01T00:00:00Z", "the cut-over has not come yet"),
        ("2026-03-01T00:00:00", "say its time zone"),
        ("soon", "write it like"),
    ):
        done = CliRunner().invoke(main, ["move-in", "check", str(folder), "--at", moment])
        assert done.exit_code == 2 and told in done.output
    assert json.loads((folder / "control.json").read_text())["system"] == "guildhall"
