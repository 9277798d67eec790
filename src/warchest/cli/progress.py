"""How far a long command has come: one line that the next covers at a terminal, else a line for each new thing."""

from __future__ import annotations

import sys

import click


class Progress:
    def __init__(self) -> None:
        self._what = ""

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\033[K{text}"[:120], nl=False, err=True)
            return
        # What counts up, as "base 40 %", is told once.
        what = "".join(sign for sign in text if not sign.isdigit())
        if what.split()[:2] != self._what.split()[:2]:
            click.echo(text, err=True)
        self._what = what

    def done(self) -> None:
        if sys.stderr.isatty():
            click.echo("\r\033[K", nl=False, err=True)
