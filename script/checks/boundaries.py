"""What the storeys' check cannot say about imports.

1. From outside an app only its `contract` is imported. Exceptions: `warchest.config`, which wires everything,
   and `warchest.web.backoffice`, which reads models for its lists and pages.
2. A plug-in imports only `warchest.sdk` and `warchest.kernel`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = {
    "ledger", "members", "catalogue", "accounting", "audit", "charging", "payments", "cards", "subscriptions",
    "referrals", "statistics", "delivery",
}  # fmt: skip
OPEN_TO_PLUGINS = {"sdk", "kernel"}


def modules(source: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(module: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, in functions and for type checks too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def refused_in_app(module: str, name: str) -> str | None:
    parts = name.split(".")
    if parts[0] != "warchest" or len(parts) < 2 or parts[1] not in APPS:
        return None
    app, inside = parts[1], parts[2] if len(parts) > 2 else ""
    at_home = module == f"warchest.{app}" or module.startswith(f"warchest.{app}.")
    if at_home or inside == "contract" or module.startswith("warchest.config"):
        return None
    if inside == "models" and module.startswith("warchest.web.backoffice"):
        return None
    return f"only warchest.{app}.contract may be imported here, not {name}"


def refused_in_plugin(name: str) -> str | None:
    parts = name.split(".")
    if parts[0] != "warchest" or (len(parts) > 1 and parts[1] in OPEN_TO_PLUGINS):
        return None
    return f"a plug-in imports only warchest.sdk and warchest.kernel, not {name}"


def findings() -> Iterator[str]:
    for module, path in modules(ROOT / "src"):
        for line, name in imports(module, path):
            if why := refused_in_app(module, name):
                yield f"{path.relative_to(ROOT)}:{line}: {why}"
    for source in sorted(ROOT.glob("plugins/*/src")):
        for module, path in modules(source):
            for line, name in imports(module, path):
                if why := refused_in_plugin(name):
                    yield f"{path.relative_to(ROOT)}:{line}: {why}"


if __name__ == "__main__":
    found = list(findings())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
