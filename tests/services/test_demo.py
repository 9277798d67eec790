"""``warchest demo`` as a real process: an empty folder becomes a league that answers, and stays itself."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders.demo import Demo, a_demo
from warchest.cli.demo import history, people
from warchest.cli.demo.home import Home

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with a_demo() as running:
        yield running


@pytest.mark.slow
class TestDemoFile:
    @pytest.mark.use_case("SMG-08")
    def test_lists_all_that_outsiders_need(self, demo: Demo) -> None:
        file = demo.file()
        assert {admin["role"] for admin in file["admins"]} >= {
            "owner",
            "administrator",
            "accountant",
            "support",
        }
        assert len(file["players"]) >= 3
        assert len(file["cards"]) >= 20
        assert file["webhook_secret"].startswith("whsec_")
        assert set(file["players"][0]) == {"id", "nickname", "email", "password"}
        assert set(file["cards"][0]) == {"serial", "code", "gives"}

    def test_is_for_its_owner_alone_and_so_are_the_keys(self, demo: Demo) -> None:
        keys = [
            Path(admin[kind]) for admin in demo.file()["admins"] for kind in ("key", "pkcs12", "certificate")
        ]
        for path in (demo.folder / "demo.json", *keys):
            assert path.is_absolute()
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert all(b"BEGIN PRIVATE KEY" in path.read_bytes() for path in keys if path.suffix == ".key")

    def test_names_the_authority_of_the_back_office(self, demo: Demo) -> None:
        from ssl import create_default_context

        file = demo.file()
        context = create_default_context(cafile=file["ca_certificate"])
        context.load_cert_chain(file["admins"][0]["certificate"], file["admins"][0]["key"])
        answer = httpx.get(
            file["backoffice"], verify=context, follow_redirects=True, timeout=20, trust_env=False
        )
        assert answer.status_code == 200


@pytest.mark.slow
class TestListedPlayers:
    def test_first_one_has_five_sponsors_above(self, demo: Demo) -> None:
        with demo.api() as api:
            player, above = demo.file()["players"][0]["id"], []
            while (player := api.get(f"/api/v1/players/{player}").json()["sponsor"]) is not None:
                above.append(player)
        assert len(above) == 5
        assert not {one["id"] for one in demo.file()["players"]} & set(above)

    def test_wallets_hold_real_money_enough_for_fifty_periods_of_the_first_plan(self, demo: Demo) -> None:
        with demo.api() as api:
            services = api.get("/api/v1/catalogue", params={"country": "DE", "currency": "EUR"}).json()
            text = json.dumps(services)
            assert all(plan in text for plan in demo.file()["plans"])
            for player in demo.file()["players"]:
                wallet = api.get(f"/api/v1/players/{player['id']}/wallet").json()
                assert float(wallet["available"]["amount"]) >= 50 * 500
                assert {lot["source"] for lot in wallet["lots"]} == {"card_payment"}

    def test_buy_every_plan(self, demo: Demo) -> None:
        last = demo.file()["players"][2]["id"]
        with demo.api() as api:
            for plan in demo.file()["plans"]:
                bought = api.post(
                    f"/api/v1/players/{last}/subscriptions",
                    json={"plan": plan, "periods": 1, "pay_with": "wallet"},
                    headers={"idempotency-key": f"try-{plan}"},
                )
                assert bought.status_code == 201, bought.text


@pytest.mark.slow
class TestListedCards:
    def test_activates_for_any_of_them(self, demo: Demo) -> None:
        file = demo.file()
        with demo.api() as api:
            for number, card in enumerate((file["cards"][0], file["cards"][-1])):
                body = {"player": file["players"][number]["id"], "code": card["code"]}
                done = api.post(
                    "/api/v1/cards/activations", json=body, headers={"idempotency-key": f"card-{number}"}
                )
                assert done.status_code == 201, done.text
                assert done.json()["serial"] == card["serial"]
                assert done.json()["gave"] == card["gives"]


@pytest.mark.slow
class TestBooks:
    def test_prove_while_it_runs(self, demo: Demo) -> None:
        proved = demo.run("prove")
        assert proved.returncode == 0, proved.stdout


@pytest.mark.slow
class TestNextStart:
    def test_keeps_the_data_and_is_quick(self, demo: Demo) -> None:
        before = demo.file()
        demo.stop()
        begun = time.monotonic()
        demo.start()
        assert time.monotonic() - begun < 30
        assert demo.file() == before
        with demo.api() as api:
            assert api.get(f"/api/v1/cards/{before['cards'][0]['serial']}").json()["state"] == "activated"

    def test_refuses_a_home_in_use(self, demo: Demo) -> None:
        second = demo.run("demo")
        assert second.returncode == 1
        assert "already" in second.stderr


class TestHome:
    def test_leaves_another_deployment_alone(self, tmp_path: Path) -> None:
        import click

        (tmp_path / "warchest.toml").write_text("")
        with pytest.raises(click.ClickException, match="another deployment"), Home(tmp_path).taken():
            pass

    def test_takes_one_whose_first_start_was_cut_off(self, tmp_path: Path) -> None:
        with Home(tmp_path).taken():
            Home(tmp_path).begin()
        with Home(tmp_path).taken():
            assert not Home(tmp_path).is_loaded


class TestSeed:
    AT = datetime(2026, 3, 15, 12, tzinfo=UTC)

    def community(self, seed: int) -> tuple[Any, Any]:
        past = people.Past.before(self.AT)
        found = people.community(seed, count=200, past=past, languages=("en", "de"))
        return found, history.operations(seed, found, about=500, past=past)

    def test_makes_the_same_community_again(self) -> None:
        assert self.community(1) == self.community(1)
        assert self.community(1) != self.community(2)

    def test_fills_eight_levels_below_people_who_came_before(self) -> None:
        found, _ = self.community(1)
        assert {person.level for person in found} == set(range(1, 9))
        for person in found:
            if person.sponsor is not None:
                above = found[person.sponsor]
                assert (above.level, above.half) == (person.level - 1, person.half)
                assert above.number < person.number
                assert above.joined_at < person.joined_at

    def test_lets_nobody_act_before_they_came(self) -> None:
        found, halves = self.community(1)
        for half in halves:
            assert all(one.at >= found[one.person].joined_at for one in half)
            assert [one.at for one in half] == sorted(one.at for one in half)
