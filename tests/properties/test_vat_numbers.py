"""Numbers of businesses: each member state's form and check digits, with numbers that are published as examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.vat_numbers import UnableToReadVatNumber, VatNumber, prefixes, read

# fmt: off
RIGHT = [
    "ATU13585627", "BE0428759497", "BE0403019261", "BG175074752", "BG7523169263", "CY10259033P",
    "CZ25123891", "CZ7103192745", "CZ640903926", "DE136695976", "DE129273398", "DK13585628",
    "EE100931558", "EL094259216", "ES54362315K", "ESX2482300W", "ESX5253868R", "ESM1234567L",
    "ESJ99216582", "ESB58378431", "ESB64717838", "FI20774740", "FR40303265045", "FR23334175221",
    "FR83404833048", "FRK7399859412", "FR4Z123456782", "HR33392005961", "HU12892312", "IE6433435F",
    "IE6433435OA", "IE8D79739I", "IT00743110157", "LT119511515", "LT100001919017", "LT100004801610",
    "LU15027442", "LV40003521600", "LV16117519997", "MT11679112", "NL004495445B01", "NL002455799B11",
    "NL123456789B13", "PL8567346215", "PT501964843", "RO18547290", "SE123456789701", "SI50223054",
    "SK2022749619", "XI980780684",
]
# fmt: on


@pytest.mark.use_case("PAY-28")
class TestVatNumbers:
    @pytest.mark.parametrize("text", RIGHT)
    def test_takes_a_right_one(self, text: str) -> None:
        assert str(read(text)) == text

    def test_shows_at_least_one_of_every_state(self) -> None:
        assert {text[:2] for text in RIGHT} == set(prefixes())
        assert len(prefixes()) == 28  # twenty-seven member states, and Northern Ireland for goods

    @pytest.mark.parametrize("text", [text for text in RIGHT if text[:2] not in ("CZ", "BG", "LV", "XI")])
    def test_refuses_a_neighbour_of_the_last_digit(self, text: str) -> None:
        place = max(place for place, sign in enumerate(text) if sign.isdigit())
        if text[:2] == "NL":
            place = (
                10  # Behind the B stands which of a company's businesses it is: of that, nothing is checked.
            )
        if text[:2] == "SE":
            place = 11
        wrong = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        with pytest.raises(UnableToReadVatNumber):
            read(wrong)

    @pytest.mark.parametrize(
        ("typed", "reads"),
        [
            ("de 136 695 976", VatNumber("DE", "136695976")),
            ("GR 094259216", VatNumber("EL", "094259216")),
            ("BE 428.759.497", VatNumber("BE", "0428759497")),
            ("FR-40 303 265 045", VatNumber("FR", "40303265045")),
        ],
    )
    def test_reads_what_people_type(self, typed: str, reads: VatNumber) -> None:
        assert read(typed) == reads

    def test_names_the_state_as_everybody_else_does(self) -> None:
        assert (read("EL094259216").country, read("XI980780684").country) == ("GR", "GB")

    @pytest.mark.parametrize(
        ("typed", "reason"),
        [
            ("US123456789", "vat_country_unknown"),
            ("", "vat_country_unknown"),
            ("DE12345", "vat_number_malformed"),
            ("DE136695977", "vat_number_mistyped"),
            ("DE１36695976", "vat_number_malformed"),  # digits of another script are no digits here
            ("IT00000000000", "vat_number_mistyped"),
            ("LT100001919027", "vat_number_mistyped"),
        ],
    )
    def test_says_what_is_wrong(self, typed: str, reason: str) -> None:
        with pytest.raises(UnableToReadVatNumber) as refused:
            read(typed)
        assert refused.value.reason == reason

    @given(st.sampled_from(prefixes()), st.text(alphabet="0123456789ABUXYZ+*", max_size=14))
    def test_answers_anything_with_a_number_or_a_refusal(self, prefix: str, rest: str) -> None:
        try:
            assert str(read(prefix + rest)).startswith(prefix)
        except UnableToReadVatNumber as refused:
            assert refused.reason in ("vat_number_malformed", "vat_number_mistyped")
