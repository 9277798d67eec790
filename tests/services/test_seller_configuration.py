"""What the configuration says of who sells: checked when it is read, and complete when the doctor looks."""

from __future__ import annotations

from pathlib import Path

import pytest

from warchest.cli import doctor
from warchest.runtime.configuration import Configuration, UnableToReadConfiguration, read

WHOLE = """
[entity]
name = "Arena Games GmbH"
address = ["Musterstraße 1", "10115 Berlin"]
vat_number = "DE136695976"
"""


class TestSeller:
    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ('[entity]\nvat_number = "DE136695977"', "vat_number_mistyped"),
            ('[entity]\ncode = "Arena Games"', "entity.code"),
            ('[entity]\ncountry = "Germany"', "entity.country"),
            ('[entity]\naddress = ["", "10115 Berlin"]', "entity.address"),
            ('[documents]\nreceipts = "I"', "three different series"),
            ('[documents]\ncredit_notes = "c"', "three different series"),
            ('[documents]\ntime_zone = "Berlin"', "no time zone"),
            ('[documents]\nnumbering = "monthly"', "monthly"),
            ('[documents]\nvies = "ec.europa.eu"', "web address"),
        ],
    )
    def test_is_refused_where_it_cannot_be_right(self, tmp_path: Path, text: str, says: str) -> None:
        file = tmp_path / "warchest.toml"
        file.write_text(text)
        with pytest.raises(UnableToReadConfiguration, match=says):
            read(file)

    def test_may_be_outside_of_the_union(self, tmp_path: Path) -> None:
        file = tmp_path / "warchest.toml"
        file.write_text('[entity]\ncountry = "CH"\nvat_number = "CHE-123.456.788 MWST"')
        assert read(file).entity.vat_number == "CHE-123.456.788 MWST"

    def test_is_complete_or_the_doctor_says_what_lacks(self, tmp_path: Path) -> None:
        def found(text: str) -> list[tuple[bool, str]]:
            file = tmp_path / "warchest.toml"
            file.write_text(text)
            return [one for one in doctor._entity(read(file)) if one[1].startswith("Invoices")]

        assert found(WHOLE) == [(True, "Invoices: in the name of Arena Games GmbH, DE136695976")]
        lacking = WHOLE.replace('vat_number = "DE136695976"', "")
        assert found(lacking) == [(False, "Invoices lack the seller's vat number: complete [entity].")]
        assert found("") == [(True, "Invoices: [entity] says nothing of the seller yet, as an invoice must")]
        assert Configuration().entity.name == ""
