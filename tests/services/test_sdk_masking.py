"""What is masked of a text, and what never."""

import pytest

from warchest.sdk.masking import mask_card_numbers


@pytest.mark.parametrize(
    "text",
    [
        "01a205b2-c551-7468-9571-6334d3937910",
        '{"reference":"01a205b2-c551-7468-9571-6334d3937910","x":1}',
        "01A205B2-C551-7468-9571-6334D3937910",
    ],
)
def test_an_id_stays_though_its_digits_add_up(text: str) -> None:
    assert mask_card_numbers(text) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("01a205b2-c551-7468-9571-6334d3937910 4111-1111-1111-1111", "411111"),
        ("x4111111111111111x", "411111"),
        ("4111 1111 1111 1111-01a205b2-c551-7468-9571-6334d3937910", "4111 11"),
    ],
)
def test_a_card_number_beside_one_does_not(text: str, kept: str) -> None:
    masked = mask_card_numbers(text)
    assert "1111" in masked and "*" in masked and kept in masked.replace("-", "")
    assert "4111111111111111" not in masked.replace(" ", "").replace("-", "")
