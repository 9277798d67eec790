"""Operators ask what the configuration means, before it is lived by."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from warchest.cli.main import main

SPREAD = """
[community]
cluster = "east"
[databases.people]
url = "postgresql://postgres:hunter2@10.0.0.7:5432,10.0.0.8:5433/postgres"
[databases.shop]
own_server = true
[services]
members = "people"
cards = "shop"
[broker]
urls = ["nats://10.0.0.9:4222"]
"""


def topology(home: Path, text: str, *options: str, hosted: str | None = None) -> Result:
    file = home / "warchest.toml"
    file.write_text(text)
    environment = {"WARCHEST_CONFIG": str(file), "WARCHEST_SERVICES": hosted}
    return CliRunner().invoke(main, ["topology", *options], env=environment)


@pytest.mark.use_case("SMG-14")
class TestTopology:
    def test_draws_where_everything_is_and_tells_no_password(self, tmp_path):
        told = topology(tmp_path, SPREAD)
        assert told.exit_code == 0, told.stderr
        lines = told.stdout.splitlines()
        people = lines.index("├─ database people: warchest_people on 10.0.0.7:5432,10.0.0.8:5433")
        assert lines[people + 1].endswith("members")
        assert lines[0] == "cluster east (Warchest)"
        assert "├─ broker: 10.0.0.9:4222" in lines
        assert "hunter2" not in told.stdout

    def test_of_a_laptop_is_one_database_and_no_broker(self, tmp_path):
        told = topology(tmp_path, "").stdout
        assert told.count("├─ database") == 1
        assert "broker: none" in told

    def test_is_drawn_as_text_for_other_programs(self, tmp_path):
        told = topology(tmp_path, SPREAD, "--mermaid").stdout
        assert told.startswith("flowchart LR")
        assert "cards([cards]) --- shop" in told

    @pytest.mark.parametrize(
        ("text", "hosted", "said"),
        [
            ('[services]\ncards = "shop"', None, "there is no [databases.shop]"),
            ('[databases.shop]\n[services]\ncrads = "shop"', None, "crads, which is no service"),
            (
                '[databases.shop]\n[services]\nledger = "shop"',
                None,
                "ledger lives in the coordinator's database",
            ),
            ("[databases.shop]", None, "Nobody lives in [databases.shop]"),
            ('[databases.owner]\n[services]\ncards = "owner"', None, "this name is taken"),
            ('[databases."sh\'op"]', None, "[databases.sh'op]: a name has"),
            ('[community]\ncluster = "a/b"', None, "cluster is 'a/b'"),
            (
                '[databases.a]\nname = "x"\n[databases.b]\nname = "x"\n[services]\ncards = "a"\nmembers = "b"',
                None,
                "are the same one: x",
            ),
            ("", "cards", "without [broker] nobody can call them"),
            ('[broker]\nurls = ["nats://h:1"]', "cards,crads", "names crads"),
            ('[broker]\nurls = ["h:4222"]', None, "is no address like nats://host:4222"),
        ],
    )
    def test_says_plainly_what_cannot_be(self, tmp_path, text, hosted, said):
        told = topology(tmp_path, text, hosted=hosted)
        assert told.exit_code == 1
        assert said in told.stderr
        assert told.stdout == ""
