"""``warchest``: one command for those who run the machines. Each subcommand loads only what it needs."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from warchest.kernel.errors import UnableTo
from warchest.runtime import set_aside
from warchest.runtime.redaction import guard_last_words, text_redacted

# The subcommand's name, the module that holds a function ``command`` for it, and what help says.
_COMMANDS = {
    "serve": "warchest.cli.serve",
    "worker": "warchest.cli.worker",
    "demo": "warchest.cli.demo.command",
    "doctor": "warchest.cli.doctor",
    "topology": "warchest.cli.topology",
    "prove": "warchest.cli.prove",
    "backup": "warchest.cli.backup",
    "restore": "warchest.cli.restore",
    "journal": "warchest.cli.journal",
    "erp": "warchest.cli.erp",
    "ca": "warchest.cli.ca",
    "bank": "warchest.cli.bank",
    "api-key": "warchest.cli.api_key",
    "plugin": "warchest.cli.plugin",
    "cluster": "warchest.cli.cluster",
    "migrate": "warchest.cli.migrate",
    "move-in": "warchest.cli.move_in.command",
}

# What is refused in a restored house that is set aside.
_SERVING = {"serve", "worker", "demo"}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        if cmd_name in _SERVING:
            set_aside.check_in_service()
        return import_module(_COMMANDS[cmd_name]).command  # type: ignore[no-any-return]

    def invoke(self, ctx: click.Context) -> object:
        """A named refusal is a sentence on the terminal, not a stack trace."""
        try:
            return super().invoke(ctx)
        except UnableTo as refusal:
            raise click.ClickException(text_redacted(str(refusal))) from refusal


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="warchest")
def main() -> None:
    """Warchest: the back office and cash desk of an eSport community."""
    guard_last_words()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")


if __name__ == "__main__":
    sys.exit(main())
