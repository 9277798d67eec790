"""How passwords are checked whose hashes come from an older system. Whoever signs in has theirs hashed anew, with argon2."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from django.contrib.auth.hashers import BCryptPasswordHasher

_BCRYPT_BYTES_MAX = 72

# What a check may cost at most: a hash decides how much time and memory every sign-in takes, and a file may be wrong.
_ARGON2_MEMORY_KIB_MAX = 2**20
_ARGON2_PASSES_MAX = 20
_ARGON2_LANES_MAX = 16
_BCRYPT_COST_MAX = 15
_PBKDF2_ROUNDS_MAX = 5_000_000
_SCRYPT_BLOCKS_MAX = 2**24

_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)
_PBKDF2 = re.compile(
    r"pbkdf2_(?P<digest>sha1|sha256)\$(?P<rounds>\d{1,9})\$[^$\s]{1,64}\$(?P<hash>[A-Za-z0-9+/=]+)", re.ASCII
)
_SCRYPT = re.compile(
    r"scrypt\$(?P<n>\d{1,9})\$[^$\s]{1,64}\$(?P<r>\d{1,3})\$(?P<p>\d{1,2})\$(?P<hash>[A-Za-z0-9+/=]+)",
    re.ASCII,
)
_LENGTHS = {"sha1": 20, "sha256": 32}
_SCRYPT_LENGTH = 64
_LONGEST = 128  # characters that the column has


class ForeignBCryptPasswordHasher(BCryptPasswordHasher):
    """bcrypt as other systems use it: what is behind 72 bytes of a password never counted, and is no mistake."""

    def encode(self, password: str, salt: str | bytes) -> str:
        bcrypt = self._load_library()  # type: ignore[attr-defined]
        data = bcrypt.hashpw(
            password.encode()[:_BCRYPT_BYTES_MAX], salt.encode() if isinstance(salt, str) else salt
        )
        return f"{self.algorithm}${data.decode('ascii')}"


def readable(text: str) -> str:
    """The hash as it is kept, or empty where nobody could ever sign in with it, or only at a price.

    Read are Django's own forms (argon2, bcrypt, bcrypt_sha256, pbkdf2, scrypt), and argon2 and bcrypt as their libraries
    write them.
    """
    if len(text) > _LONGEST or not text.isascii():
        return ""
    name, _, rest = text.partition("$")
    match name:
        case "argon2":
            return text if _is_argon2(f"${rest}") else ""
        case "bcrypt" | "bcrypt_sha256":
            return text if _is_bcrypt(rest) else ""
        case "pbkdf2_sha256" | "pbkdf2_sha1":
            return text if _is_pbkdf2(text) else ""
        case "scrypt":
            return text if _is_scrypt(text) else ""
        case "" if rest.startswith("argon2"):
            kept = f"argon2{text}"
            return kept if len(kept) <= _LONGEST and _is_argon2(text) else ""
        case "" if _is_bcrypt(text):
            return f"bcrypt${text}"
    return ""


def _is_argon2(text: str) -> bool:
    try:
        cost = extract_parameters(text)
    except (InvalidHashError, ValueError):
        return False
    return (
        0 < cost.memory_cost <= _ARGON2_MEMORY_KIB_MAX
        and 0 < cost.time_cost <= _ARGON2_PASSES_MAX
        and 0 < cost.parallelism <= _ARGON2_LANES_MAX
    )


def _is_bcrypt(text: str) -> bool:
    found = _BCRYPT.fullmatch(text)
    return found is not None and 4 <= int(found["cost"]) <= _BCRYPT_COST_MAX


def _is_pbkdf2(text: str) -> bool:
    found = _PBKDF2.fullmatch(text)
    if not found or not 0 < int(found["rounds"]) <= _PBKDF2_ROUNDS_MAX:
        return False
    return _is_base64(found["hash"], length=_LENGTHS[found["digest"]])


def _is_scrypt(text: str) -> bool:
    found = _SCRYPT.fullmatch(text)
    if not found:
        return False
    n, r, p = int(found["n"]), int(found["r"]), int(found["p"])
    sound = n > 1 and n & (n - 1) == 0 and r > 0 and p > 0 and n * r * p <= _SCRYPT_BLOCKS_MAX
    return sound and _is_base64(found["hash"], length=_SCRYPT_LENGTH)


def _is_base64(text: str, *, length: int) -> bool:
    try:
        return len(b64decode(text, validate=True)) == length
    except (Error, ValueError):
        return False
