"""A stranger's plug-in: what ``docs/plugins.md`` prints is written into a folder, installed, tried, used, and removed again.

It is installed with pip into an environment of its own, which sees all that these tests have installed; Warchest runs in
that environment as a process, on this test's database.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.builders.backoffice import BackOffice, back_office
from tests.builders.configuration import written_beside
from warchest.ledger.contract import Ledger
from warchest.members.contract import Role
from warchest.payments import providers
from warchest.payments.contract import Payments, Status
from warchest.runtime.services import services

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plugins.md"
_FILE = re.compile(r"^`(warchest-acme/[\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_HOUSE = """
import json
from datetime import UTC, datetime
from warchest.runtime.deployment import running_django
with running_django():
    from warchest.runtime.services import services
    from warchest.payments.contract import Mode, Payments
    payments = services.get(Payments)
"""

_CONFIGURE_AND_PAY = """
    from django.test import Client
    from tests.builders.people import a_command, a_player, acting_as, an_administrator
    from warchest.charging.contract import Charging
    from warchest.journeys.configure_provider import check_provider, configure_provider, switch_provider
    from warchest.journeys.start_top_up import start_top_up
    from warchest.kernel.money import Money
    from warchest.members.contract import Role
    from warchest.runtime.afterwards import finish_all
    from warchest.sdk.conformance.receiver import NoticeReceiver
    from warchest_acme.simulator import API_KEY, NOTICE_KEY, Acme

    told, acme, at = {}, Acme(), datetime.now(UTC)
    owner = an_administrator(Role.OWNER)
    found = payments.provider_settings(provider="acme")
    told["form"] = [[field.name, field.kind, field.required] for field in found.fields]
    settings = {"base_url": acme.url, "api_key": API_KEY, "notice_key": NOTICE_KEY}
    configure_provider(
        acting_as(owner, at=at), provider="acme", settings=settings, keep=(), mode=Mode.SANDBOX,
        based_on=found.number,
    )
    switch_provider(acting_as(owner, at=at), provider="acme", enabled=True)
    told["well"] = check_provider(acting_as(owner, at=at), provider="acme").well
    told["shown"] = repr(payments.provider_settings(provider="acme"))

    player = a_player()
    payment = start_top_up(
        a_command(at=at), player=player.id, amount=Money.parse("20.00", "EUR"), provider="acme"
    ).answer
    told["payment"], told["before"] = str(payment.id), str(payment.status)
    receiver = NoticeReceiver()
    (order,) = acme.orders.values()
    told["noticed_at"], order["asked"]["notify"] = order["asked"]["notify"], receiver.url
    acme.become(order["key"], "done")
    (notice,) = receiver.arrived()
    told["answers"] = [
        Client().post(
            "/api/v1/notices/acme", data=notice.body, content_type="application/json",
            headers={"acme-signature": notice.headers["acme-signature"]},
        ).status_code
        for _ in range(3)
    ]
    finish_all()
    told["after"] = str(payments.payment(payment_id=payment.id).status)
    told["units"] = str(services.get(Charging).wallet(player=player.id).posted)
    print(json.dumps(told))
"""


def printed_files() -> dict[str, str]:
    return dict(_FILE.findall(PAGE.read_text()))


def written_into(folder: Path) -> Path:
    """The folder of the plug-in, as the page prints it."""
    files = printed_files()
    assert len(files) >= 5, "the page prints a whole distribution"
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "warchest-acme"


def changed(folder: Path, right: str, wrong: str) -> Path:
    """The same with the last of some words in the plug-in changed."""
    distribution = written_into(folder)
    plugin = distribution / "src" / "warchest_acme" / "provider.py"
    before, found, after = plugin.read_text().rpartition(right)
    assert found
    plugin.write_text(f"{before}{wrong}{after}")
    return distribution


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_into(tmp_path_factory.mktemp("stranger"))


class Environment:
    """A Python of its own, with Warchest in it, where plug-ins come and go."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        (packages,) = folder.glob("lib/python*/site-packages")
        # What is installed where these tests run, editable distributions included.
        here = sysconfig.get_paths()["purelib"]
        (packages / "tests.pth").write_text(f"import site; site.addsitedir({here!r})\n")

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [str(self.python), *arguments],
            env={**clean, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def pip(self, *arguments: str) -> None:
        done = self.run("-m", "pip", *arguments, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
        assert done.returncode == 0, done.stdout + done.stderr

    def warchest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "warchest.cli.main", *arguments)

    @contextmanager
    def installed(self, distribution: Path) -> Iterator[None]:
        self.pip("install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps", str(distribution))
        try:
            yield
        finally:
            self.pip("uninstall", "--quiet", "--yes", distribution.name)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def in_the_house(
    environment: Environment, office: BackOffice, tmp_path: Path
) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs Python in a process of Warchest's, in that environment."""
    file = tmp_path / "warchest.toml"
    file.write_text(written_beside(""))

    def run(text: str) -> subprocess.CompletedProcess[str]:
        return environment.run(
            *("-c", _HOUSE + text), WARCHEST_CONFIG=str(file), WARCHEST_DATABASE_NAME=office.database
        )

    return run


def _told(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    # What the process logged is shown where the test fails.
    print(done.stderr)
    assert done.returncode == 0, done.stderr[-4000:]
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def fill_in_the_form(environment: Environment, *, database: str, folder: Path) -> None:
    """The owner enters the plug-in's settings on its page, in a back office that has it installed."""
    folder.mkdir()
    place = "/providers/acme"
    with back_office(database=database, folder=folder, providers={}, python=environment.python) as office:
        owner = office.signed_in(Role.OWNER)
        asked = {field["name"]: field["type"] for field in owner.page(place).select("input[name^=setting-]")}
        assert asked == {
            "setting-base_url": "text",
            "setting-api_key": "password",
            "setting-notice_key": "password",
            "setting-timeout_s": "number",
        }
        entered = {
            "base_url": "http://127.0.0.1:9",
            "api_key": "a-key-once-entered",
            "notice_key": "another-key",
        }
        answer = owner.submit(place, **{f"setting-{name}": value for name, value in entered.items()})
        assert "The settings are kept, encrypted." in answer.text
        page = owner.page(place)
        assert page.select_one("input[name=setting-base_url]")["value"] == "http://127.0.0.1:9"
        assert "Version 1:" in page.get_text() and "warchest-acme 0.1.0" in page.get_text()
        assert "a-key-once-entered" not in str(page)
        office.send_everybody_home()


@pytest.mark.timeout(300)
@pytest.mark.use_case("PLG-01")
def test_a_plugin_comes_takes_a_payment_and_goes(
    environment: Environment,
    distribution: Path,
    office: BackOffice,
    in_the_house: Callable[[str], subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    assert "acme" not in environment.warchest("plugin", "list").stdout
    with environment.installed(distribution):
        assert "warchest-acme 0.1.0" in environment.warchest("plugin", "list").stdout
        fill_in_the_form(environment, database=office.database, folder=tmp_path / "their-office")
        told = _told(in_the_house(_CONFIGURE_AND_PAY))

    assert told["form"] == [
        ["base_url", "text", True],
        ["api_key", "secret", True],
        ["notice_key", "secret", True],
        ["timeout_s", "number", False],
    ]
    assert told["well"] is True
    assert "acme-key-of-this-test" not in str(told["shown"])
    assert str(told["noticed_at"]).endswith("/api/v1/notices/acme")
    assert (told["before"], told["after"]) == ("pending", "succeeded")
    assert told["answers"] == [200, 200, 200]
    assert told["units"] == "2000.00 XCR"

    # It is gone, and what was paid is read as ever: by this process, which never had it, and in the back office.
    assert "acme" not in environment.warchest("plugin", "list").stdout
    assert "acme" not in providers.installed()
    payment = services.get(Payments).payment(payment_id=UUID(str(told["payment"])))
    assert (payment.provider, payment.status) == ("acme", Status.SUCCEEDED)
    assert services.get(Ledger).entry(entry_id=payment.journal_entry)
    page = office.signed_in(Role.SUPPORT).page(f"/payment/{payment.id}").get_text(" ", strip=True)
    assert "acme" in page and "20.00" in page and "succeeded" in page


@pytest.mark.timeout(300)
@pytest.mark.use_case("PLG-12")
class TestTheConformanceSuite:
    def test_is_run_against_a_plugin_in_development(
        self, environment: Environment, distribution: Path, tmp_path: Path
    ) -> None:
        with environment.installed(distribution):
            done = environment.warchest("plugin", "test", "acme", "--json", str(tmp_path / "results.json"))
            own = environment.run(
                *("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(distribution)),
                str(distribution / "tests"),
            )
        assert done.returncode == 0, done.stdout + done.stderr
        counts = json.loads((tmp_path / "results.json").read_text())["counts"]
        says = f"acme: {counts['passed']} passed, 0 failed, {counts['skipped']} skipped"
        assert says in done.stdout
        assert says in PAGE.read_text(), "the page tells how it ends"
        assert own.returncode == 0, own.stdout
        assert f"{counts['passed'] + 1} passed, {counts['skipped']} skipped" in own.stdout

    def test_finds_what_a_change_broke(self, environment: Environment, tmp_path: Path) -> None:
        """The mistake that the page shows the kit's words for: a status that nobody has heard of is taken for a refusal."""
        broken = changed(tmp_path, "standing = Standing.PENDING", "standing = Standing.FAILED")
        with environment.installed(broken):
            done = environment.warchest("plugin", "test", "acme", "--only", "unlisted_status_is_pending")
        assert done.returncode == 1
        failed = "But a status that nobody has heard of is failed."
        assert failed in done.stdout and failed in PAGE.read_text()

    def test_says_which_plugin_does_not_load(self, environment: Environment, tmp_path: Path) -> None:
        broken = changed(
            tmp_path, "class AcmeProvider(PaymentProvider)", "class AnotherProvider(PaymentProvider)"
        )
        with environment.installed(broken):
            listed = environment.warchest("plugin", "list")
            tried = environment.warchest("plugin", "test", "acme")
        assert listed.returncode == 1
        assert "problem: it does not load: AttributeError" in listed.stdout
        assert "warchest-sandbox 0.1.0" in listed.stdout
        assert tried.returncode == 2
        assert 'The plug-in "acme", or its rig, does not load.' in tried.stderr

    def test_names_what_cannot_be_tried(self, environment: Environment) -> None:
        done = environment.warchest("plugin", "test", "acme")
        assert done.returncode == 2
        assert 'No installed plug-in is named "acme"' in done.stderr
        assert environment.warchest("plugin", "test", "sandbox", "--only", "late_declyne").returncode == 2
        assert "late_decline" in environment.warchest("plugin", "steps").stdout
