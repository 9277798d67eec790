"""``warchest worker``: background work until interrupted."""

from __future__ import annotations

import os
import sys

import click


@click.command("worker", help="Do background work: outbox, webhooks, mails, open payments, daily entries.")
def command() -> None:
    # In place of this process, so that signals reach the work itself.
    os.execv(sys.executable, [sys.executable, "-m", "warchest.jobs"])
