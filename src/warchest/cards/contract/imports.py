"""Cards that an older system made are taken in: their serials, and the hashes that it kept of their codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.batches import Batch
from warchest.kernel.calls import runs_here
from warchest.kernel.errors import UnableTo

IMPORT_BYTES_MAX = 16 * 1024 * 1024
"""Of a file. What is longer is taken in as several batches."""


class UnableToImportCards(UnableTo):
    """No card was taken in. ``line`` of the details is that of the file, its heading being the first."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_is_ours",  # its order is not for cards of an older system
            "batch_not_approved",
            "already_imported",
            "digest_changed",
            "import_scheme_unknown",  # not in the configuration
            "import_file_differs",  # not the file that was approved, or not as many cards as were ordered
            "import_file_too_long",  # more than IMPORT_BYTES_MAX
            "import_file_malformed",  # no table Serial,Hash or Serial,Hash,LastFour
            "import_serial_malformed",  # 1 to 20 capitals and digits, separators aside
            "import_hash_malformed",  # not of the length of the scheme's hashes
            "import_serial_twice",
            "import_hash_twice",
            "import_serial_taken",  # another card here has it, or it may once be given to a card of this very batch
            "import_code_taken",  # another card here has this hash
        }
    )


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """A file that could be taken in now. ``digest`` is its SHA-256, in hexadecimal.

    ``tried`` is the serial of the card whose code was given to be tried; empty where it is none of the file's, or none was given.
    """

    digest: str
    scheme: str
    cards: int
    first_serial: str
    last_serial: str
    with_last_four: int
    tried: str = ""


class Imports(Protocol):
    def code_schemes(self) -> Mapping[str, str]:
        """The ways in which older systems hashed their codes, by name, each with its algorithm."""
        ...

    @runs_here
    def check_import(self, *, scheme: str, file: bytes, code: str = "") -> ImportSummary:
        """Look whether a table ``Serial,Hash[,LastFour]`` could be taken in; hashes stand in hexadecimal or in base 64.

        A ``code`` of one of the cards shows whether the scheme is that of the older system: nobody else can tell.

        Changes nothing. Raises UnableToImportCards.
        """
        ...

    @runs_here
    def import_cards(self, *, batch_id: UUID, file: bytes, imported_by: UUID, at: datetime) -> Batch:
        """Take in all cards of an approved batch, or none; they are out of the house at once. Within a journey's transaction.

        About two seconds for 100,000. Raises UnableToImportCards, and TryAgain where two took in the same cards at once.
        """
        ...
