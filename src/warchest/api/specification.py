"""The specification: every route in one OpenAPI document, with the problem that each may answer."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from warchest.api import (
    cards,
    catalogue,
    documents,
    entitlements,
    holds,
    notices,
    payment_steps,
    payments,
    players,
    purchases,
    referrals,
    saved_methods,
    stores,
    subscriptions,
    tills,
    transfers,
    virtual_cards,
    wallets,
    withdrawals,
)
from warchest.api.authentication import ApiKey
from warchest.api.errors import MEDIA_TYPE, Problem, as_problem

_DESCRIPTION = """
What game servers, portals and tills do with a community's back office.

Amounts are text in major units with a currency, moments RFC 3339 in UTC, ids opaque. Every write brings an
`Idempotency-Key`. Errors are problem details (RFC 9457) with a stable `code`. Lists come in pages, newest first.
"""


class Specification(NinjaAPI):
    """Ninja's, with short names, the scope of each call, and problems described where they are answered."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    def get_openapi_schema(self, **places: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**{"path_prefix": "api/v1/", **places})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schema["components"]["schemas"] |= {**problem.pop("$defs", {}), "Problem": problem}
        scopes = self._scopes()
        for operation in (call for calls in schema["paths"].values() for call in calls.values()):
            operation["responses"]["default"] = {
                "description": "The problem, with a stable code",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
            if scope := scopes.get(operation["operationId"]):
                operation["security"] = [{ApiKey.__name__: [scope]}]
        return schema

    def _scopes(self) -> dict[str, str]:
        return {
            self.get_openapi_operation_id(operation): auth.scope.value
            for bound in self._get_bound_routers()
            for view in bound.path_operations.values()
            for operation in view.operations
            for auth in operation.auth_callbacks
            if isinstance(auth, ApiKey)
        }


api = Specification(
    title="Warchest",
    version="1",
    description=_DESCRIPTION.strip(),
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
for _resource in (
    players, wallets, payments, payment_steps, saved_methods, purchases, withdrawals, documents, notices,
    catalogue, subscriptions, entitlements,
    cards, tills, virtual_cards, holds, transfers, referrals, stores,
):  # fmt: skip
    api.add_router("", _resource.router)
for _error in (Exception, HttpError, AuthenticationError, ValidationError):
    api.add_exception_handler(_error, as_problem)  # type: ignore[arg-type]
