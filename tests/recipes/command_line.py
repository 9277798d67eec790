"""What recipes type on the command line, and what it prints."""

from __future__ import annotations

import re

from click.testing import CliRunner

from warchest.cli.main import main

_CHANGING = ("holds", "entries ", "sealed ", "signed ", "unsealed ", "folded ")


def warchest(*words: object) -> None:
    """Print what a command prints, less the rules that hold and what changes from run to run."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    text = "\n".join(line for line in done.output.splitlines() if not line.startswith(_CHANGING))
    print(re.sub(r", in \d+ s\b| All \d+ rules hold\.| on 2\d{3}-\S+ \S+ UTC|/\S+/(?=proof\.json)", "", text))
