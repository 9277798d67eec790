"""The name-value text: what is written is read again, and what is not right is refused, not guessed at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warchest_payflow.namevalue import Malformed, can_be_written, decode, encode, plain

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
VALUES = st.text(max_size=60).filter(can_be_written)
SPECIAL = st.text(alphabet="&=[]%+ aé€中\U0001f600", max_size=20)


@given(st.dictionaries(NAMES, VALUES | SPECIAL, min_size=1, max_size=12))
def test_what_is_written_is_read_again(fields: dict[str, str]) -> None:
    assert decode(encode(fields)) == fields


@given(st.dictionaries(NAMES, SPECIAL, min_size=1, max_size=6))
def test_nothing_is_url_encoded(fields: dict[str, str]) -> None:
    written = encode(fields).decode()
    assert all(value in written for value in fields.values())


@given(st.text(max_size=300), st.integers(1, 60))
def test_free_text_becomes_what_can_be_written_with_one_count(text: str, most: int) -> None:
    sent = plain(text, characters_max=most)
    assert sent.isascii() and can_be_written(sent) and len(sent) <= most
    assert decode(encode({"COMMENT1": sent})) == {"COMMENT1": sent}


@given(st.binary(max_size=60))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        fields = decode(body)
    except Malformed:
        return
    assert fields and all(name for name in fields)


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"COMPANYNAME": "Ruff & Johnson"}, b"COMPANYNAME[14]=Ruff & Johnson"),
        ({"COMMENT1": "Level=5"}, b"COMMENT1[7]=Level=5"),
        ({"TRXTYPE": "S", "AMT": "23.45"}, b"TRXTYPE=S&AMT=23.45"),
        ({"COMMENT1": "5 € & more"}, "COMMENT1[12]=5 € & more".encode()),
        ({"COMMENT1": ""}, b"COMMENT1="),
    ],
)
def test_is_written_as_the_guide_writes_it(fields: dict[str, str], written: bytes) -> None:
    assert encode(fields) == written
    assert decode(written) == fields


def test_a_token_that_holds_equals_signs_is_read_by_its_length() -> None:
    assert decode(b"RESULT=0&SECURETOKEN[25]=Fj+1AFUWft0+I0CUFOKh5WA==&SECURETOKENID=9a9e") == {
        "RESULT": "0",
        "SECURETOKEN": "Fj+1AFUWft0+I0CUFOKh5WA==",
        "SECURETOKENID": "9a9e",
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"RESULT",
        b"=0",
        b"&RESULT=0",
        b"RESULT=0&",
        b"RESULT=0&&RESPMSG=x",
        b"result=0",
        b"RESULT[2]=0",
        b"RESULT[1]=00",
        b"RESULT[-1]=0",
        b"RESULT[]=0",
        b"RESULT[9999999]=0",
        b"RESULT=0&RESULT=12",
        b"RESPMSG=\xff",
        b"<html></html>",
    ],
)
def test_what_is_not_right_is_refused(text: bytes) -> None:
    with pytest.raises(Malformed):
        decode(text)


@pytest.mark.parametrize("value", ['say "yes"', "two\nlines", "two\r\nlines", "\x00", "a\u2028b", "a\x85b"])
def test_what_cannot_be_written_is_not(value: str) -> None:
    with pytest.raises(ValueError, match="COMMENT1"):
        encode({"COMMENT1": value})
    assert can_be_written(plain(value, characters_max=50))


@pytest.mark.parametrize("name", ["", "amt", "AMT[3]", "A&B", "A=B", "1A"])
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        encode({name: "x"})


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Größe: 5 € für Zoë", "Grosse: 5 ? fur Zoe"),
        ('"2000"\ncredits', "'2000' credits"),
        ("50 % & more = fun", "50 % & more = fun"),
        ("日本", "??"),
    ],
)
def test_free_text_loses_what_the_gateway_could_misread(text: str, sent: str) -> None:
    assert plain(text, characters_max=100) == sent
