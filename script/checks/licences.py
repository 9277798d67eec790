"""What the locked dependencies are licensed under, as they say it themselves; refuses what would bind who passes Warchest on.

    licences.py          fails for what is refused, unknown or not installed
    licences.py --list   lists all

Where a dependency offers several licences, it is taken under one that is allowed; ``TAKEN`` says which, where the metadata
does not name it plainly. docs/decisions tells why.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")

# By the words of SPDX and of the classifiers, the first that fits counts.
ALLOWED = (
    ("MPL-2.0", r"mpl|mozilla public license"),
    ("Apache-2.0", r"apache"),
    ("BSD", r"\bbsd|0bsd"),
    ("MIT", r"\bmit\b|expat"),
    ("PSF-2.0", r"psf|python software foundation|python-2\.0"),
    ("ISC", r"\bisc\b"),
    ("Zlib", r"zlib"),
    ("Unlicense", r"unlicense|public domain|cc0"),
)
REFUSED = re.compile(r"\bA?GPL|Affero|GNU General Public|SSPL|BUSL|Commons Clause|proprietary", re.IGNORECASE)
LESSER = re.compile(r"LGPL|Lesser General Public", re.IGNORECASE)

TAKEN = {
    # "Artistic License" or GPL, at the choice of who takes it; it is used as it comes.
    "text-unidecode": "Artistic-1.0-Perl",
    # LGPL-3.0-only, and a library that is loaded when the program runs and can be replaced by whoever runs it.
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg-pool": "LGPL-3.0-only",
    "pycountry": "LGPL-2.1-only",
    # Python's own licence of before 2001, for the tables that came from it.
    "regex": "Apache-2.0 AND CNRI-Python",
}
# Programs that tests hold ours against. They run beside it, no lock for running names them, and nobody gets them from us.
TOOLS = {"beancount": "GPL-2.0-only", "localstripe": "GPL-3.0-or-later"}


def locked() -> dict[str, str]:
    """Names of all distributions in the locks, with the locks that name them."""
    found: dict[str, list[str]] = {}
    for lock in LOCKS:
        for line in (ROOT / lock).read_text().splitlines():
            if named := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==", line):
                found.setdefault(re.sub(r"[-_.]+", "-", named[1]).lower(), []).append(lock)
    return {name: ", ".join(locks) for name, locks in sorted(found.items())}


def said_of(name: str) -> list[str]:
    """What a distribution says of its licences: the expression, else the classifiers, else the first line of the old field, else
    that of the text that comes with it."""
    told = metadata.metadata(name)
    if expression := told.get("License-Expression"):
        return re.split(r"\s+OR\s+", expression.strip("()"))
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in told.get_all("Classifier") or []
        if each.startswith("License ::") and not each.endswith("OSI Approved")
    ]
    if classifiers:
        return classifiers
    field = (told.get("License") or "").strip().splitlines()
    return re.split(r"\s+(?:OR|or)\s+", field[0]) if field else list(_titles(name))


def _titles(name: str) -> Iterator[str]:
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return
    for file in files:
        if re.match(r"LICEN[CS]E", file.name, re.IGNORECASE) and ".dist-info" in str(file):
            yield file.read_text().strip().partition("\n")[0]


def licence_of(name: str) -> tuple[str, str]:
    """The licence that it is taken under, and why it can't be taken: one of the two is empty. Raises PackageNotFoundError."""
    if name in TAKEN:
        return TAKEN[name], ""
    said = said_of(name)
    for one in said:
        # Of an expression with AND all must do.
        parts = re.split(r"\s+AND\s+", one.strip("() "))
        fitting = [allowed_by(part) for part in parts]
        if all(fitting):
            return " AND ".join(dict.fromkeys(fitting)), ""
    if any(REFUSED.search(one) and not LESSER.search(one) for one in said):
        return "", f"offers only what binds others: {' | '.join(said)}"
    return "", f"a licence that nobody has looked at: {' | '.join(said) or 'it names none'}"


def allowed_by(text: str) -> str:
    if REFUSED.search(text) or LESSER.search(text):
        return ""
    return next((name for name, words in ALLOWED if re.search(words, text, re.IGNORECASE)), "")


def findings() -> Iterator[str]:
    for name, locks in locked().items():
        try:
            licence, trouble = licence_of(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform or version of Python
        if name in TOOLS and LOCKS[0] not in locks:
            licence, trouble = TOOLS[name], ""
        if trouble:
            yield f"{name} ({locks}): {trouble}"
        elif "--list" in sys.argv:
            print(f"{name:32} {licence:28} {locks}")
    for name in (TAKEN.keys() | TOOLS.keys()) - locked().keys():
        yield f"{name}: named here, and no lock has it any more"


if __name__ == "__main__":
    found = list(findings())
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    sys.exit(bool(found))
