"""Keeps the translations whole, without GNU gettext.

    translations.py             fails when a text has no translation in some language, or a doubtful one
    translations.py --write     brings the .po files up to date with the texts in code and templates,
                                keeping what is translated and dropping what is gone; `--write sv` adds a language
    translations.py --compile   writes the .mo files that are older than their .po

Looks at the package and at each plug-in that has a `locale` folder.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

# Babel and Django are imported where they are needed: --compile runs at every start and mostly has nothing to do.
ROOT = Path(__file__).parents[2]
KEYWORDS: dict[str, Any] = {
    f"{name}{lazy}": places
    for name, places in {
        "_": None,
        "gettext": None,
        "gettext_noop": None,
        "ngettext": (1, 2),
        "pgettext": ((1, "c"), 2),
        "npgettext": ((1, "c"), 2, 3),
    }.items()
    for lazy in ("", "_lazy")
}
HEADER: dict[str, Any] = {
    "header_comment": "# Translations of Warchest.",
    "project": "Warchest",
    "version": "0.1",
    "msgid_bugs_address": "Warchest",
    "last_translator": "Warchest",
    "language_team": "Warchest",
}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*\}|%s|%d")


def packages() -> Iterator[Path]:
    yield ROOT / "src" / "warchest"
    yield from (locale.parent for locale in sorted(ROOT.glob("plugins/*/src/*/locale")))


def po_files(package: Path) -> list[Path]:
    return sorted(package.glob("locale/*/LC_MESSAGES/django.po"))


def texts(package: Path) -> Catalog:
    """Every text marked for translation in the package's code and templates."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract

    found = Catalog()
    for path in sorted(package.rglob("*")):
        if path.suffix == ".py" and "migrations" not in path.parts:
            source = path.read_text(encoding="utf-8")
        elif path.suffix in (".html", ".txt") and "templates" in path.parts:
            source = as_python(path)
        else:
            continue
        for line, text, comments, context in extract(
            "python", BytesIO(source.encode()), KEYWORDS, ["Translators:"]
        ):
            if text and (text[0] if isinstance(text, tuple) else text):
                place = (str(path.relative_to(ROOT)), line)
                found.add(text, None, [place], auto_comments=comments, context=context)
    return found


def as_python(template: Path) -> str:
    """The template's texts as calls of gettext, by Django's own reading; all else is blanked out."""
    from django.utils.translation.template import templatize

    code: str = templatize(template.read_text(encoding="utf-8"), origin=str(template))
    return "\n".join(line.strip() for line in code.splitlines())  # Python would mind the indentation


def read(po: Path) -> Catalog:
    from babel.messages.pofile import read_po

    with po.open("rb") as file:
        return read_po(file, locale=po.parent.parent.name)


def check() -> list[str]:
    findings = []
    for package in packages():
        wanted = texts(package)
        for po in po_files(package):
            have = read(po)
            for text in wanted:
                if text.id and (why := finding(text, have.get(_key(text), text.context))):
                    findings.append(f"{po.relative_to(ROOT)}: {why}: {_key(text)!r} {_place(text)}")
            for text in have:
                if text.id and wanted.get(_key(text), text.context) is None and not _filled(text):
                    findings.append(f"{po.relative_to(ROOT)}: empty: {_key(text)!r}")
    return findings


def finding(text: Message, translated: Message | None) -> str | None:
    if translated is None:
        return "missing"
    if translated.fuzzy:
        return "fuzzy"
    if not _filled(translated):
        return "empty"
    if text.pluralizable != translated.pluralizable:
        return "plural forms wanted" if text.pluralizable else "no plural forms wanted"
    # One plural form may leave the number out ('one player'), but none may name what is not there.
    allowed = set(PLACEHOLDER.findall(" ".join(_strings(text.id))))
    for string in _strings(translated.string):
        used = set(PLACEHOLDER.findall(string))
        if used != allowed if not text.pluralizable else not used <= allowed:
            return "other placeholders"
    return None


def write(new_locales: list[str]) -> None:
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import write_po

    for name in new_locales:
        (ROOT / "src/warchest/locale" / name / "LC_MESSAGES").mkdir(parents=True, exist_ok=True)
    for package in packages():
        wanted = texts(package)
        for folder in sorted(package.glob("locale/*/LC_MESSAGES")):
            po = folder / "django.po"
            locale = folder.parent.name
            catalog = read(po) if po.exists() else Catalog(locale, fuzzy=False, **HEADER)
            wanted.creation_date = catalog.creation_date  # else every file would change each time
            catalog.update(wanted, no_fuzzy_matching=True)
            new = BytesIO()
            write_po(new, catalog, width=110, no_location=True, sort_output=True, ignore_obsolete=True)
            if not po.exists() or po.read_bytes() != new.getvalue():
                po.write_bytes(new.getvalue())
                empty = sum(1 for text in catalog if text.id and not _filled(text))
                print(f"{po.relative_to(ROOT)}: {len(catalog)} texts, {empty} to translate")


def compile_all() -> None:
    for package in packages():
        for po in po_files(package):
            mo = po.with_suffix(".mo")
            if mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime:
                continue
            from babel.messages.mofile import write_mo

            new = mo.with_suffix(".mo.new")
            with new.open("wb") as file:
                write_mo(file, read(po))
            new.replace(mo)


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _filled(text: Message) -> bool:
    strings = _strings(text.string)
    return bool(strings) and all(strings)


def _key(text: Message) -> str:
    return _strings(text.id)[0]


def _place(text: Message) -> str:
    return "({}:{})".format(*text.locations[0]) if text.locations else ""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", nargs="*", metavar="LOCALE", default=None)
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    if options.write is not None:
        write(options.write)
    if options.compile:
        compile_all()
    if options.write is not None or options.compile:
        return 0
    found = check()
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
