"""SMG-02: two whole deployments are merged from the pages of their back offices, work as one environment, and part again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

import httpx
import pytest

from tests.builders.backoffice import Visitor
from tests.builders.merged import Deployment, digits, two_deployments, until
from warchest.members.contract import Role

pytestmark = [pytest.mark.use_case("SMG-02"), pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass
class Merged:
    """``told`` are pages' texts on the way to the merge."""

    main: Deployment
    west: Deployment
    boss: Visitor
    operator: Visitor
    west_boss: Visitor
    told: dict[str, str] = field(default_factory=dict)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", unescape(html)).replace("\u00a0", " "))


def letter(visitor: Visitor, to: str) -> str:
    page = visitor.submit("/clusters", action="/clusters/letter", code=to)
    found = re.search(r'<textarea id="written"[^>]*>(.*?)</textarea>', page.text, re.S)
    assert found, words(page.text)
    return unescape(found[1])


@pytest.fixture(scope="module")
def clusters() -> Iterator[Merged]:
    with two_deployments() as (main, west):
        boss, operator = main.visitor(Role.OWNER), main.visitor(Role.OPERATOR)
        west_boss, west_operator = west.visitor(Role.OWNER), west.visitor(Role.OPERATOR)
        merged = Merged(main, west, boss, operator, west_boss)
        told = merged.told
        to_west, to_main = letter(operator, "west"), letter(west_operator, "main")
        told["another's letter"] = words(
            operator.submit("/clusters", action="/clusters/accept", text=to_west).text
        )
        told["accepted"] = words(operator.submit("/clusters", action="/clusters/accept", text=to_main).text)
        told["accepted there"] = words(
            west_operator.submit("/clusters", action="/clusters/accept", text=to_west).text
        )
        told["merged unasked"] = words(
            boss.post("/clusters/west/merge", **merging(boss, digits(told["accepted"]))).text
        )
        told["checked"] = checked(operator, "west")
        told["merged by oneself"] = words(
            operator.post("/clusters/west/merge", **merging(operator, digits(told["accepted"]))).text
        )
        told["other digits"] = words(boss.post("/clusters/west/merge", **merging(boss, "12345 " * 8)).text)
        told["merged"] = words(
            boss.submit("/clusters/west", action="/clusters/west/merge", compared="yes").text
        )
        until(lambda: main.api("GET", f"/players/{west.players['Ben']}").status_code == 503)
        told["checked there"] = checked(west_operator, "main")
        west_boss.submit("/clusters/main", action="/clusters/main/merge", compared="yes")
        until(lambda: main.api("GET", f"/players/{west.players['Ben']}").status_code == 200)
        yield merged


def checked(visitor: Visitor, code: str) -> str:
    """Once the gateways have found each other."""
    while True:
        told = words(visitor.submit(f"/clusters/{code}", action=f"/clusters/{code}/check").text)
        if "Nobody answers" not in told:
            return told
        time.sleep(0.5)


def merging(visitor: Visitor, fingerprint: str) -> dict[str, str]:
    page = visitor.page("/clusters/west")
    token = page.select_one("input[name=csrfmiddlewaretoken]")
    assert token
    return {
        "csrfmiddlewaretoken": str(token["value"]),
        "compared": "yes",
        "fingerprint": fingerprint,
        "referer": "/clusters/west",
    }


def sent(house: Deployment, sender: str, recipient: str, amount: str = "10.00") -> dict[str, str]:
    answer = house.api(
        "POST",
        "/transfers",
        **{"from": sender, "to": recipient, "amount": {"amount": amount, "currency": "XCR"}},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def state(house: Deployment, transfer: dict[str, str]) -> str:
    return str(house.api("GET", f"/transfers/{transfer['id']}").json()["state"])


def available(house: Deployment, player: str) -> str:
    return str(house.api("GET", f"/players/{player}/wallet").json()["available"]["amount"])


class TestMerging:
    def test_both_operators_see_the_same_digits(self, clusters: Merged) -> None:
        assert digits(clusters.told["accepted"]) == digits(clusters.told["accepted there"])

    def test_a_letter_is_for_its_reader(self, clusters: Merged) -> None:
        assert "This letter was written here." in clusters.told["another's letter"]

    def test_needs_a_dry_run_another_person_and_the_right_digits(self, clusters: Merged) -> None:
        assert "First have a dry run done" in clusters.told["merged unasked"]
        assert "Nobody decides on a request of their own" in clusters.told["merged by oneself"]
        assert "These are not the digits that both houses have." in clusters.told["other digits"]
        assert "Merged." in clusters.told["merged"]

    def test_dry_run_shows_each_check_and_names_only_own_nicknames(self, clusters: Merged) -> None:
        told = clusters.told["checked"]
        assert "nothing in the way" in told
        for title in ("Clocks within a second", "Serial series of cards", "Players' ids", "Currencies"):
            assert title in told
        assert "2 here, 1 in both" in told and "Ben" not in told
        assert "carl" in told

    def test_services_of_both_are_listed_and_found(self, clusters: Merged) -> None:
        until(lambda: "statistics" in words(clusters.boss.get("/clusters/west").text))
        told = clusters.main.house.work("""
            import time
            for _ in range(40):
                found = {one.cluster for one in services.find("cards")}
                if found == {"main", "west"}:
                    break
                time.sleep(0.25)
            print(sorted(found))
        """)
        assert told.splitlines()[-1] == "['main', 'west']"

    def test_services_of_the_other_cannot_be_called_as_ones_own(self, clusters: Merged) -> None:
        told = clusters.main.house.work("""
            from warchest.cards.contract import Cards
            from warchest.runtime.broker.directory import directory
            from warchest.runtime.services import UnknownService
            try:
                directory.stub(Cards, name="cards", cluster="west")
            except UnknownService as error:
                print(error)
        """)
        assert "called over the line only" in told

    def test_is_recorded_on_both_sides_with_its_person(self, clusters: Merged) -> None:
        for house in (clusters.main, clusters.west):
            told = house.house.work("""
                from warchest.runtime.models import Operation
                print(sorted(set(Operation.objects.filter(name__startswith="clusters.", outcome="done")
                    .values_list("name", "actor_kind"))))
            """)
            for name in ("clusters.accept", "clusters.merge", "clusters.write_letter"):
                assert f"('{name}', 'administrator')" in told


class TestHomes:
    def test_calls_for_a_player_are_answered_at_home(self, clusters: Merged) -> None:
        ben = clusters.west.players["Ben"]
        answer = clusters.main.api("GET", f"/players/{ben}")
        assert (answer.json()["nickname"], answer.headers["Warchest-Cluster"]) == ("Ben", "west")
        assert answer.content == clusters.west.api("GET", f"/players/{ben}").content
        own = clusters.main.api("GET", f"/players/{clusters.main.players['Anna']}")
        assert own.json()["nickname"] == "Anna" and "Warchest-Cluster" not in own.headers

    def test_writes_have_the_keys_of_the_asking_client(self, clusters: Merged) -> None:
        ben = clusters.west.players["Ben"]
        asked = {
            "player": ben,
            "amount": {"amount": "5.00", "currency": "XCR"},
            "purpose": "x",
            "expires_in_s": 600,
        }
        first = clusters.main.api("POST", "/holds", key="same", **asked)
        again = clusters.main.api("POST", "/holds", key="same", **asked)
        theirs = clusters.west.api("POST", "/holds", key="same", **asked)
        assert first.status_code == again.status_code == theirs.status_code == 201
        assert first.json()["id"] == again.json()["id"] != theirs.json()["id"]
        assert again.headers["Idempotent-Replayed"] == "true"
        for hold in (first, theirs):
            assert clusters.main.api("POST", f"/holds/{hold.json()['id']}/void").status_code == 200

    def test_refusals_come_back_as_they_are_said_there(self, clusters: Merged) -> None:
        asked = {
            "player": clusters.west.players["Ben"],
            "amount": {"amount": "5000.00", "currency": "XCR"},
            "purpose": "x",
            "expires_in_s": 600,
        }
        refused = clusters.main.api("POST", "/holds", language="de", **asked)
        assert (refused.status_code, refused.json()["code"]) == (402, "insufficient_funds")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.headers["Content-Language"] == "de"

    def test_who_has_no_key_here_has_none_there(self, clusters: Merged) -> None:
        path = f"{clusters.main.url}/api/v1/players/{clusters.west.players['Ben']}"
        for key in ("wrong", clusters.west.key):
            answer = httpx.get(path, headers={"Authorization": f"Bearer {key}", "Forwarded": "for=west"})
            assert answer.status_code == 401

    def test_a_player_of_nobody_is_unknown(self, clusters: Merged) -> None:
        answer = clusters.main.api("GET", "/players/019b0000-0000-7000-8000-000000000000")
        assert (answer.status_code, answer.json()["code"]) == (404, "player_unknown")

    def test_signing_in_leads_to_the_portal_of_the_home(self, clusters: Merged) -> None:
        with httpx.Client(base_url=clusters.main.url) as browser:
            page = browser.get("/sign-in")
            assert f"{clusters.west.url}/sign-in" in page.text and "West Arena" in page.text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert token
            said = {"csrfmiddlewaretoken": token[1], "login": "ben@west", "password": "my own secret word"}
            answer = browser.post("/sign-in", data=said, headers={"Referer": f"{clusters.main.url}/sign-in"})
        assert (answer.status_code, answer.headers["Location"]) == (302, f"{clusters.west.url}/sign-in")

    def test_support_finds_players_of_both(self, clusters: Merged) -> None:
        page = clusters.boss.get("/find", q="ben")
        assert "Ben@west" in words(page.text)
        assert f"https://localhost:{clusters.west.admin_port}/members/player/" in page.text


class TestTransfers:
    def test_commit_in_both_and_are_proved(self, clusters: Merged) -> None:
        main, west = clusters.main, clusters.west
        anna, ben = main.players["Anna"], west.players["Ben"]
        before = float(available(main, anna)), float(available(west, ben))
        there, back = sent(main, anna, ben, "10.00"), sent(main, ben, anna, "4.00")
        until(lambda: state(main, there) == "captured" and state(main, back) == "captured")
        assert float(available(main, anna)) == before[0] - 6
        assert float(available(main, ben)) == before[1] + 6
        proof = words(clusters.boss.get("/clusters/west/proof").text)
        assert "proved" in proof and "the same" in proof and "0.10" in proof
        assert "Both are proved." in west.command("prove", "main")

    def test_what_no_longer_adds_up_is_told(self, clusters: Merged) -> None:
        """The other house changes a sealed block: the head that was kept here bears witness."""
        main, west = clusters.main, clusters.west
        until(lambda: "witness" in main.command("prove", "west"))
        kept = main.house.rows("SELECT head::json->>'line' FROM runtime_othercluster WHERE code = 'west'")[0][
            0
        ]
        number = re.search(r'"number":(\d+)', kept)
        assert number
        change = "UPDATE ledger_seal SET hash = sha256(hash) WHERE number = " + number[1]
        tamper = f"SET session_replication_role = replica; {change}"
        west.house.rows(tamper)
        try:
            broken = main.house.warchest("cluster", "prove", "west")
            assert broken.returncode == 1
            assert f"block {number[1]} of west was signed with another hash than it has now" in broken.stdout
        finally:
            before = re.search(r'"hash":"([0-9a-f]+)"', kept)
            assert before
            restore = f"UPDATE ledger_seal SET hash = decode('{before[1]}', 'hex') WHERE number = {number[1]}"
            west.house.rows(f"SET session_replication_role = replica; {restore}")
        assert "Both are proved." in main.command("prove", "west")


class TestTheLineCut:
    def test_each_goes_on_alone_and_what_waits_arrives_when_it_heals(self, clusters: Merged) -> None:
        main, west = clusters.main, clusters.west
        anna, ben, carl = main.players["Anna"], west.players["Ben"], west.players["carl"]
        main.api("GET", f"/players/{ben}")
        with west.line_cut():
            for player in (ben, carl):
                answer = main.api("GET", f"/players/{player}", language="de")
                assert (answer.status_code, answer.json()["code"]) == (503, "cluster_unreachable")
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.headers["Content-Type"] == "application/problem+json"
            assert "Leitung" in answer.json()["detail"]
            assert main.api("GET", f"/players/{anna}").status_code == 200
            assert west.api("GET", f"/players/{ben}").status_code == 200
            assert west.api("POST", "/holds", player=ben, purpose="x", expires_in_s=60,
                            amount={"amount": "1.00", "currency": "XCR"}).status_code == 201  # fmt: skip
            body = {"from": anna, "to": ben, "to_cluster": "west"}
            waiting = main.api(
                "POST", "/transfers", **body, amount={"amount": "3.00", "currency": "XCR"}
            ).json()
            until(lambda: main.api("GET", f"/transfers/{waiting['id']}").json()["problem"] == "line_cut")
            assert state(main, waiting) == "held"
            told = words(clusters.boss.get("/find", q="ben").text)
            assert "The cluster west could not be asked" in told
        until(lambda: state(main, waiting) == "captured")
        assert "Both are proved." in main.command("prove", "west")


class TestParting:
    def test_after_it_each_is_alone_and_they_can_be_merged_again(self, clusters: Merged) -> None:
        main, west = clusters.main, clusters.west
        anna, ben = main.players["Anna"], west.players["Ben"]
        refused = clusters.operator.submit("/clusters/west", action="/clusters/west/cut")
        assert "Part from it first" in words(refused.text)
        clusters.operator.submit("/clusters/west", action="/clusters/west/leave")
        until(lambda: "is parting" in words(clusters.boss.get("/clusters/west").text))
        body = {
            "from": anna,
            "to": ben,
            "to_cluster": "west",
            "amount": {"amount": "1.00", "currency": "XCR"},
        }
        until(lambda: main.api("POST", "/transfers", **body).json()["code"] == "cluster_unknown")
        parted = words(clusters.operator.submit("/clusters/west", action="/clusters/west/cut").text)
        assert "This house goes on alone." in parted
        until(lambda: "cut" in west.command("list"))
        until(lambda: main.api("GET", f"/players/{ben}").status_code == 404)
        assert main.api("GET", f"/players/{anna}").status_code == 200
        assert west.api("GET", f"/players/{ben}").status_code == 200

        merged_again(main, west)
        until(lambda: main.api("GET", f"/players/{ben}").status_code == 200)
        assert "Both are proved." in main.command("prove", "west")

    def test_what_is_under_way_waits_where_nobody_can_be_asked(self, clusters: Merged) -> None:
        main, west = clusters.main, clusters.west
        body = {"from": main.players["Anna"], "to": west.players["Ben"], "to_cluster": "west"}
        with west.line_cut():
            sent = main.api("POST", "/transfers", **body, amount={"amount": "2.00", "currency": "XCR"}).json()
            clusters.operator.submit("/clusters/west", action="/clusters/west/leave")
            refused = clusters.operator.submit("/clusters/west", action="/clusters/west/cut")
            assert "the cluster west is cut" in words(refused.text)
            parted = clusters.operator.submit(
                "/clusters/west", action="/clusters/west/cut", with_transfers_waiting="yes"
            )
            assert "This house goes on alone." in words(parted.text)
            assert "1 transfer waits" in words(parted.text) and sent["id"] in parted.text
            assert state(main, sent) == "held"
        assert "is cut off" in west.command("cut", "main", "--with-transfers-waiting")
        merged_again(main, west)
        until(lambda: state(main, sent) == "captured", within_s=120)
        assert "Both are proved." in main.command("prove", "west")


def merged_again(main: Deployment, west: Deployment) -> None:
    """From the command line, where it takes whoever runs the machine."""
    told = main.command("accept", str(west.letter("main")))
    west.command("accept", str(main.letter("west")))
    until(lambda: main.house.warchest("cluster", "check", "west").returncode == 0, within_s=60)
    west.command("check", "main")
    assert "These are not the digits" in main.refused("merge", "west", "--fingerprint", "1" * 40)
    for house, code in ((main, "west"), (west, "main")):
        house.command("merge", code, "--fingerprint", digits(told))
