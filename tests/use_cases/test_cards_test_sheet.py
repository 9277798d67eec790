"""Before the press runs, an administrator looks at specimens and gives the print house its artwork."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfReader

from tests.builders.backoffice import BackOffice
from tests.builders.cards import an_order
from warchest.kernel import codes
from warchest.members.contract import Role

pytestmark = pytest.mark.use_case("CRD-27")
POINTS_PER_MM = 72 / 25.4


def test_a_sheet_of_specimens_and_the_artwork_in_print_size(office: BackOffice) -> None:
    batch = an_order(quantity=500, spares=50, code_length=20, alphabet="digits", group_size=5)
    clerk = office.signed_in(Role.ADMINISTRATOR)
    answer = clerk.submit(f"/batches/{batch.id}", action=f"/batches/{batch.id}/test-sheet")
    assert answer.headers["Content-Type"] == "application/pdf"
    pages = PdfReader(io.BytesIO(answer.content)).pages
    sheet, front, back = (page.extract_text() for page in pages)
    assert batch.first_serial in sheet and batch.last_serial in sheet
    found = re.findall(r"\b\d{5}-\d{5}-\d{5}-\d{5}\b", sheet)
    assert len(set(found)) == 10
    # None of them is a card, nor ever will be.
    assert not any(codes.is_whole(codes.normalise(one), length=20, alphabet="digits") for one in found)
    assert "10.00" in front and "SPECIMEN" in front and "SPECIMEN" in back
    for page in pages[1:]:
        size = (page.mediabox.width, page.mediabox.height)
        assert [round(float(points) / POINTS_PER_MM) for points in size] == [106, 74]


def test_is_in_the_language_of_whoever_asks(office: BackOffice) -> None:
    batch, clerk = an_order(), office.signed_in(Role.ADMINISTRATOR)
    clerk.client.cookies.set("warchest_language", "de")
    answer = clerk.submit(f"/batches/{batch.id}", action=f"/batches/{batch.id}/test-sheet")
    assert answer.content.startswith(b"%PDF")
