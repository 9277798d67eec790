"""The audit as this process offers it."""

from warchest.audit import queries


class LocalAudit:
    """Implements ``contract.Audit`` over this process's own connection."""

    operations = staticmethod(queries.operations)
    operation = staticmethod(queries.operation)
    export_csv = staticmethod(queries.export_csv)
