"""Whether an error means that the database is away for a while: nothing was wrong with the request, and it may be asked again."""

from __future__ import annotations

from django.db import InterfaceError, InternalError, OperationalError
from psycopg import errors as postgres

# Of a server that has just become a replica, or has thrown us out.
_PASSING = (postgres.ReadOnlySqlTransaction, postgres.IdleInTransactionSessionTimeout)


def is_outage(error: BaseException | None) -> bool:
    """The connection broke, could not be made, or led to a replica."""
    if isinstance(error, InternalError):
        return isinstance(error.__cause__, _PASSING)
    return isinstance(error, OperationalError | InterfaceError)
