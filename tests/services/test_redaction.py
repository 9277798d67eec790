"""What is struck out of texts, and what is left alone, since operators search for it."""

from __future__ import annotations

import os
import secrets
import string
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.codes import grouped, random_code
from warchest.kernel.ids import new_id
from warchest.runtime.redaction import is_secret_name, redacted, text_redacted
from warchest.runtime.secrets import text_secret

STRUCK = [
    ("postgresql://warchest:{}@db:5432/x", "se/cr@et:word"),
    ("could not connect to 'amqps://u:{}@h/v'", "secret-word"),
    ("host=db user=u password={} dbname=x", "secretword"),
    ("host=db password='{}' dbname=x", "secret word"),
    ("{{'password': '{}', 'user': 'u'}}", "secret word"),
    ('{{"client_secret": "{}"}}', 'secret\\" word'),
    ("Authorization: Bearer {}", "secretword12345"),
    ("authorization: Basic {}", "c2VjcmV0OndvcmQ="),
    ("curl -H 'X-Api-Key: {}'", "secretword"),
    ("Set-Cookie: session={}; Path=/", "secretword"),
    ("Cookie: a=b; warchest_portal_session={}", "secretword"),
    ("key {} was refused", "wck_" + secrets.token_urlsafe(32)),
    ("signed with {}", "whsec_c2VjcmV0IHdvcmQgb2Ygd2ViaG9va3M="),
    ("token was {}", "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbmFiZWwifQ.c2lnbmF0dXJl"),
    ("charged {} twice", "4242424242424242"),
    ("charged {} twice", "4242 4242 4242 4242"),
    ("charged {} twice", "4242-4242-4242-4242"),
    ("charged {} twice", "3782 822463 10005"),
    ("no such card {}", "ABCD-1234-EFGH-567X"),
    ("GET /return?code={}&state=1", "Secret+Word"),
    ("Key (login)=({}) already exists.", "secret@word"),
    ("Failing row contains (1, {}, 2).", "secret (word), argon2$x"),
    ("relation is gone\nLINE 1: SELECT * FROM x WHERE y = '{}'\n                      ^\n", "secret word"),
    ("unnamed portal parameter $1 = '{}'", "secret''word"),
    ("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----", "MHcCAQEEIO\nsecret"),
    ("mail to {}@example.org", "secret.word+tag"),
    ("hashed with {}", text_secret("a-test")),
]
LEFT = [
    "2026-11-22T18:24:20.123456Z",
    "SELECT runtime_claim(%s)",
    "status_code=404 reason=code_unknown",
    "ModuleNotFoundError: No module named 'something_long_1234'",
    "/api/v1/cards/AR000100001234",
    "warchest_ledger_unfolded_positions 1763835860",
    "the code of this card is unknown",
    "took 1763835860123456 ns",
    "this kind will wait 5 seconds",
    "10.0.0.1:5432 00:1b:44:11:3a:b7",
]


@pytest.mark.parametrize(("text", "secret"), STRUCK, ids=[text for text, _ in STRUCK])
def test_strikes_out(text: str, secret: str) -> None:
    left = text_redacted(text.format(secret))
    assert secret not in left and "***" in left
    assert not any(part in left for part in ("4242", "ABCD", "822463", "Word", "word+", " word"))


@pytest.mark.parametrize("text", LEFT)
def test_leaves_alone(text: str) -> None:
    assert text_redacted(text) == text


@given(
    st.integers(min_value=14, max_value=32),
    st.sampled_from(["{}", "card {} is used", "/cards/{}", "code={}&x=1"]),
)
def test_strikes_out_every_code_as_printed_and_as_typed(length: int, around: str) -> None:
    code = random_code(length=length)
    if not set(code) - set(string.hexdigits.upper()) or not set(code) - set(string.digits):
        return
    for typed in (code, code.lower(), grouped(code), grouped(code).replace("-", " ")):
        if not any(map(str.isdigit, typed)) or set(typed) <= set("0123456789abcdefABCDEF- "):
            continue
        assert typed not in text_redacted(around.format(typed))


@pytest.mark.parametrize(
    ("alphabet", "length"), [("letters", 16), ("letters", 24), ("digits", 20), ("digits", 32)]
)
@pytest.mark.parametrize("around", ["{}", "card {} is used", "/cards/{}"])
def test_strikes_out_codes_of_every_alphabet(alphabet: str, length: int, around: str) -> None:
    for _ in range(20):
        code = random_code(length=length, alphabet=alphabet)
        assert code not in text_redacted(around.format(code))
        assert code.lower() not in text_redacted(around.format(code.lower()))


def test_leaves_our_own_numbers_alone() -> None:
    for _ in range(2000):
        for number in (str(uuid4()), uuid4().hex, str(new_id()), f"AR{secrets.randbelow(10**12):012}"):
            assert text_redacted(f"about {number}.") == f"about {number}."


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "apiKey",
        "api_key",
        "X-Api-Key",
        "token",
        "code",
        "card_code",
        "csrf",
        "CVC",
    ],
)
def test_knows_secrets_by_their_names(name: str) -> None:
    assert is_secret_name(name)
    assert redacted({"outer": [{name: "anything"}]}) == {"outer": [{name: "***"}]}


@pytest.mark.parametrize(
    "name", ["status_code", "country_code", "error_code", "encoding", "keyboard", "key", "spin"]
)
def test_knows_harmless_names(name: str) -> None:
    assert not is_secret_name(name)


def test_walks_through_what_is_nested_and_keeps_numbers() -> None:
    told = redacted(
        {"n": 5, "f": 0.5, "t": (True, None), "card": 4242424242424242, "b": b"password=abc", "o": object}
    )
    assert (told["n"], told["f"], told["t"], told["card"], told["b"]) == (
        5,
        0.5,
        [True, None],
        "***",
        "password=***",
    )


def test_knows_the_configuration_by_heart(tmp_path: Path) -> None:
    (tmp_path / "warchest.toml").write_text("""
        [database]
        url = "postgresql://postgres:Main%20Base-1@db/x"
        [databases.shop]
        url = "host=shop password=Shop-Base-2"
        [broker]
        urls = ["nats://somebody:Broker-Three@10.0.0.1:4222"]
        [[webhooks]]
        url = "https://game:Hook-Number-4@example.org/hear"
        [providers.sandbox]
        base_url = "https://provider.example.org/pay"
        api_secret = "Provider-Number-5"
    """)
    program = (
        "from warchest.runtime.redaction import text_redacted\n"
        "print(text_redacted('Main Base-1 Main%20Base-1 Shop-Base-2 Broker-Three Hook-Number-4 Provider-Number-5'))\n"
        "print(text_redacted('https://provider.example.org/pay is away'))\n"
    )
    environment = {**os.environ, "WARCHEST_HOME": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "*** *** *** *** *** ***\nhttps://provider.example.org/pay is away\n"
