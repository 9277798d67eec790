"""The community's one colour, made readable: darkened or lightened until it passes WCAG 2.2, level AA. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

AA_TEXT = 4.5
"""The least contrast of text of ordinary size (WCAG 2.2, 1.4.3)."""

DEFAULT = "#f0a92e"
# The grounds on which the accent stands as text; the same as in portal.css.
DARK_GROUNDS = ("#101316", "#181c20", "#222830")
LIGHT_GROUNDS = ("#f6f4ef", "#ffffff", "#f0ede6")
_INKS = ("#1c1402", "#000000", "#ffffff")
_STEPS = 100

RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Accent:
    """``fill`` and the ``ink`` on it; the accent as text ``on_dark`` and ``on_light`` pages."""

    fill: str
    ink: str
    on_dark: str
    on_light: str


def accent(colour: str) -> Accent:
    """What pages use of a colour ``#rrggbb``; of the default where it is no colour."""
    fill = colour.lower() if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) else DEFAULT
    return Accent(
        fill=fill,
        # Of black and white one always passes: their contrasts with any colour multiply to 21.
        ink=next(ink for ink in _INKS if contrast(ink, fill) >= AA_TEXT),
        on_dark=towards(fill, "#ffffff", grounds=DARK_GROUNDS),
        on_light=towards(fill, "#000000", grounds=LIGHT_GROUNDS),
    )


def towards(colour: str, end: str, *, grounds: tuple[str, ...]) -> str:
    """The colour, moved as little as needed towards ``end`` until it can be read on each of the grounds."""
    start, goal = _rgb(colour), _rgb(end)
    for step in range(_STEPS + 1):
        mixed = _hex(tuple(round(a + (b - a) * step / _STEPS) for a, b in zip(start, goal, strict=True)))
        if all(contrast(mixed, ground) >= AA_TEXT for ground in grounds):
            return mixed
    return end


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def style_sheet(colours: Accent) -> str:
    return (
        ":root{"
        f"--community-accent:{colours.fill};--community-accent-ink:{colours.ink};"
        f"--community-accent-on-dark:{colours.on_dark};--community-accent-on-light:{colours.on_light}"
        "}\n"
    )


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _rgb(colour: str) -> RGB:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(parts: tuple[int, ...]) -> str:
    return "#" + "".join(f"{part:02x}" for part in parts)
