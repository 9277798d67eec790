"""Forms as Stripe reads them: ``a[b][0][c]=d`` is an object in a list in an object."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from warchest_stripe.simulator.refusing import invalid

_NAME = re.compile(r"([a-z0-9_]+)((?:\[[A-Za-z0-9_.-]*\])*)", re.ASCII | re.IGNORECASE)


def read(text: str) -> dict[str, Any]:
    """Raises StripeSays."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=1000):
        found = _NAME.fullmatch(name)
        if not found:
            raise invalid(f"Invalid parameter name: {name[:60]}", param=name[:60])
        path = [found[1], *re.findall(r"\[([^\]]*)\]", found[2])]
        _put(tree, path, value)
    lists: dict[str, Any] = _with_lists(tree)
    return lists


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    name, *rest = path
    if not name:
        name = str(len(tree))
    if not rest:
        tree[name] = value
        return
    inner = tree.setdefault(name, {})
    if not isinstance(inner, dict):
        raise invalid(f"Invalid object: {name}", param=name)
    _put(inner, rest, value)


def _with_lists(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    inner = {name: _with_lists(value) for name, value in tree.items()}
    if inner and all(name.isdecimal() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
