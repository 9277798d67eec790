"""What operators type, and what they read."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.builders.api import call
from tests.builders.configuration import written_beside

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def warchest(database: str, tmp_path: Path):
    """Runs ``warchest …`` on this test's database, as a process of its own."""

    def run(*arguments: str, configuration: str = "") -> subprocess.CompletedProcess[str]:
        file = tmp_path / "warchest.toml"
        file.write_text(written_beside(configuration))
        return subprocess.run(
            [sys.executable, "-m", "warchest.cli.main", *arguments],
            env={**os.environ, "WARCHEST_DATABASE_NAME": database, "WARCHEST_CONFIG": str(file)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


class TestDoctor:
    @pytest.mark.use_case("SMG-14")
    def test_says_plainly_what_is_wrong(self, warchest) -> None:
        done = warchest("doctor", configuration="[web]\nprot = 8000\n")

        assert done.returncode == 1
        assert "unknown field `prot`" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("configuration", "sentence"),
        [
            ("[web", "The configuration can't be used"),
            ("[web]\nport = 'many'\n", "Expected `int`"),
            ("[providers.moon]\n", "no plug-in of this name is installed"),
            ("[erp.moon]\n", "no plug-in of this name is installed"),
            ("[stores.moon]\n", "no plug-in of the name moon is installed"),
            ("[web]\nhost = '0.0.0.0'\n", "without https"),
            ("[community]\nfunctional_currency = 'Euro'\n", "no currency of ISO 4217"),
            ("[heads]\nfolder = '/nowhere'\n", "cannot be written to /nowhere"),
        ],
    )
    def test_knows_what_people_get_wrong(self, warchest, configuration: str, sentence: str) -> None:
        done = warchest("doctor", configuration=configuration)

        assert done.returncode == 1
        assert sentence in done.stdout

    def test_examines_the_database_too(self, warchest) -> None:
        # The tests' server runs without fsync, and that is what it finds.
        done = warchest("doctor")

        assert "PostgreSQL" in done.stdout and "The schema is up to date" in done.stdout
        assert "fsync must be on" in done.stdout


class TestKeys:
    def test_an_api_key_opens_what_its_scopes_say(self, warchest) -> None:
        key = warchest("api-key", "shop", "--scope", "catalogue:read").stdout.strip()

        assert call(key, "GET", "/catalogue").status_code == 200
        assert call(key, "GET", "/players/x").status_code == 403


class TestAuthority:
    def test_lets_the_first_owner_in_and_nobody_after(self, warchest, tmp_path: Path) -> None:
        done = warchest("ca", "first-owner", "olga", "--into", str(tmp_path / "out"))
        passphrase = re.search(r"passphrase is (\S+)", done.stdout)
        assert passphrase, done.stdout + done.stderr
        file = tmp_path / "out" / "olga.p12"
        bundle = pkcs12.load_pkcs12(file.read_bytes(), passphrase[1].encode())

        assert bundle.cert is not None and "olga" in bundle.cert.certificate.subject.rfc4514_string()
        assert file.stat().st_mode & 0o077 == 0
        again = warchest("ca", "first-owner", "otto")
        assert again.returncode != 0
        assert "There are administrators already" in again.stderr


class TestPlugins:
    def test_are_named_with_their_versions(self, warchest) -> None:
        assert "warchest-sandbox 0.1.0" in warchest("plugin", "list").stdout


@pytest.mark.use_case("PAY-12")
class TestBank:
    ACCOUNT = (
        "[providers.banktransfer]\n"
        'iban = "DE89370400440532013000"\nbic = "COBADEFFXXX"\nbeneficiary = "Nova e. V."\n'
    )

    def test_imports_a_statement_once_and_says_what_it_brought(self, warchest, tmp_path: Path) -> None:
        from warchest_banktransfer.simulator import PretendedBank

        bank = PretendedBank("DE89370400440532013000")
        bank.receive("12.00", text="who knows")
        (tmp_path / "statement.xml").write_bytes(bank.statement(keep=True))
        (tmp_path / "damaged.xml").write_bytes(bank.damaged("does_not_add_up"))

        first, again, damaged, nothing = (
            warchest("bank", *words, configuration=self.ACCOUNT)
            for words in (
                ("import", "statement.xml"),
                ("import", "statement.xml"),
                ("import", "damaged.xml"),
                ("order",),
            )
        )

        assert "1 new entries (0 were known): 0 paid what they name, 1 wait for a person." in first.stdout
        assert "0 new entries (1 were known)" in again.stdout
        assert (damaged.returncode, nothing.returncode) == (1, 1)
        assert "file_not_whole" in damaged.stderr and "Traceback" not in damaged.stderr
        assert "payouts_missing" in nothing.stderr and "Traceback" not in nothing.stderr
