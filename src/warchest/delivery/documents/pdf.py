"""Setting a document as PDF with typst, which is an extra: a house without it sends and shows documents as text."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from warchest.accounting.contract import Document
from warchest.delivery.contract import RenderedDocument, UnableToRender
from warchest.delivery.documents.paper import paper_of
from warchest.runtime.configuration import configuration
from warchest.runtime.secrets import home

_FOLDER = Path(__file__).parent
# A layout that a document was issued in is never changed: a new one gets a new number and a file beside.
_LAYOUTS = {1: "document.typ"}


def can_render() -> bool:
    return find_spec("typst") is not None


def render(document: Document) -> RenderedDocument:
    """The same bytes for the same document, whenever and wherever: no clock, no system fonts.

    Raises UnableToRender (``pdf_not_installed``).
    """
    if not can_render():
        raise UnableToRender("pdf_not_installed")
    paper = paper_of(document)
    content = _compiler().compile(
        (_FOLDER / _LAYOUTS[document.layout]).read_bytes(),
        format="pdf",
        sys_inputs={"paper": msgspec.json.encode(paper).decode()},
        timestamp=document.issued_at.astimezone(UTC).replace(microsecond=0),
        pdf_standards=["a-2a", "ua-1"],
    )
    return RenderedDocument(filename=f"{document.number}.pdf", content=bytes(content))


def set_card(words: dict[str, Any], *, at: datetime) -> bytes:
    """A virtual card on a sheet, ``words`` by their places in card.typ. Raises UnableToRender (``pdf_not_installed``)."""
    return _set("card", words, at=at)


def set_sheet(words: dict[str, Any], *, at: datetime) -> bytes:
    """A test sheet and the artwork of a card, ``words`` by their places in sheet.typ. Raises UnableToRender."""
    return _set("sheet", words, at=at)


def _set(layout: str, words: dict[str, Any], *, at: datetime) -> bytes:
    if not can_render():
        raise UnableToRender("pdf_not_installed")
    content = _compiler().compile(
        (_FOLDER / f"{layout}.typ").read_bytes(),
        format="pdf",
        sys_inputs={layout: msgspec.json.encode(words).decode()},
        timestamp=at.astimezone(UTC).replace(microsecond=0),
        pdf_standards=["a-2a", "ua-1"],
    )
    return bytes(content)


class _OfThread(threading.local):
    """A compiler works for one thread at a time; the fonts, which are what it takes long to read, are for all."""

    def __init__(self) -> None:
        import typst

        self.compiler = typst.Compiler(root=str(_FOLDER), font_paths=_fonts())


@cache
def _of_threads() -> _OfThread:
    return _OfThread()


def _compiler() -> Any:
    return _of_threads().compiler


@cache
def _fonts() -> Any:
    import typst

    folders = [str(_FOLDER / "fonts")]
    if wanted := configuration().documents.fonts:
        folders.append(str(home() / wanted))
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=folders)
