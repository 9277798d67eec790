"""The demo's folder: whose it is, how far its first start came, and what it says of the deployment.

``demo.loading`` stands there from before the first change until ``demo.json`` is written. Who finds it alone knows that
a first start was cut off, and begins anew. A home without either is taken only while it is empty of a deployment.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from warchest.cli import deployment
from warchest.runtime.configuration import configuration
from warchest.runtime.postgres import EmbeddedPostgres

COMMUNITY = "Ironhold League"

_CONFIGURATION = f"""\
# Written by the first start of the demo, and yours to change: later starts leave it alone.
# Ports come from WARCHEST_PORT and WARCHEST_ADMIN_PORT.

[community]
name = "{COMMUNITY}"
entity = "{COMMUNITY} GmbH"
unit_name = "credits"
default_country = "DE"

# Who sells, as receipts and invoices say. Made up, the number included.
[entity]
name = "{COMMUNITY} GmbH"
address = ["Eisenweg 1", "10115 Berlin"]
country = "DE"
vat_number = "DE999999995"
email = "billing@ironhold.example"

[web]
host = "127.0.0.1"

[backoffice]
host = "127.0.0.1"

# What is written "file:NAME" is read from that file of this folder.
[providers.sandbox]
base_url = "file:sandbox/base-url"
api_secret = "file:sandbox/api-secret"
notice_secret = "file:sandbox/notice-secret"
amounts = {{JPY = ["100", "150000"]}}

# Cards of an older system, which kept SHA-1 of their digits: import them in the back office, and they are good here.
[cards.schemes.guildhall]
algorithm = "sha1"
form = "digits"
"""


class Home:
    """``WARCHEST_HOME`` of a demo."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "demo.json"
        self.configuration = folder / "warchest.toml"
        self._loading = folder / "demo.loading"

    @property
    def is_loaded(self) -> bool:
        return self.file.exists()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Nobody else runs a demo here meanwhile. Raises ClickException where the folder is not for a demo."""
        with (self.folder / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise click.ClickException(f"A demo runs in {self.folder} already.") from None
            self._check_ours()
            yield

    def _check_ours(self) -> None:
        if os.environ.get("WARCHEST_DATABASE_URL"):
            raise click.ClickException(
                "The demo brings a database of its own: start it without WARCHEST_DATABASE_URL."
            )
        others = [name for name in ("warchest.toml", "postgres") if (self.folder / name).exists()]
        if others and not self.is_loaded and not self._loading.exists():
            raise click.ClickException(
                f"{self.folder} belongs to another deployment ({', '.join(others)}), which the demo leaves alone."
                " Set WARCHEST_HOME to a folder of its own."
            )

    def begin(self) -> None:
        """Mark that loading begins, and begin from nothing where an earlier start was cut off."""
        interrupted = self._loading.exists()
        self._loading.touch()
        self.configuration.write_text(_CONFIGURATION)
        if interrupted and (self.folder / "postgres").exists():
            click.echo("An earlier start was cut off: its database is made anew.")
            with deployment.running_databases() as server:
                assert isinstance(server, EmbeddedPostgres)
                server.drop_database(configuration().database.name)

    def finish(self, text: str) -> None:
        """All is there: write ``demo.json``, which says so."""
        self.write(text)
        self._loading.unlink(missing_ok=True)

    def write(self, text: str) -> None:
        """``demo.json``, whole or not at all, for the eyes of who runs the demo."""
        replace_file(self.file, text.encode())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that others may be reading, and that nobody else may read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made with mode 0600.
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
