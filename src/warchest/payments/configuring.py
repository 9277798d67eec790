"""Providers configured in the back office: what their plug-ins ask for, and what was said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction

from warchest.payments import providers, stored_settings
from warchest.payments.contract import UnableToUseProvider
from warchest.payments.contract.configuring import (
    OVERLAP_HOURS_MAX,
    Mode,
    Origin,
    ProviderSettings,
    SettingField,
    SettingsVersion,
    UnableToConfigureProvider,
)
from warchest.payments.models import ProviderSettings as SettingsRow
from warchest.payments.models import ProviderSwitch as SwitchRow
from warchest.runtime.configuration import UnableToReadConfiguration
from warchest.runtime.services import services

_VERSIONS_SHOWN = 20


def keep_settings(
    *,
    provider: str,
    settings: Mapping[str, Any],
    keep: Sequence[str],
    mode: Mode,
    based_on: int,
    overlap_hours: int,
    actor: str,
    at: datetime,
) -> ProviderSettings:
    plugin = _plugin(provider)
    if providers.origin_of(provider) is Origin.FILE:
        raise UnableToConfigureProvider("provider_in_file", provider=provider)
    if not 0 <= overlap_hours <= OVERLAP_HOURS_MAX:
        raise UnableToConfigureProvider("overlap_too_long", hours=OVERLAP_HOURS_MAX)
    before = SettingsRow.objects.filter(provider=provider).order_by("-number").first()
    number = before.number if before else 0
    if number != based_on:
        raise UnableToConfigureProvider("settings_changed_meanwhile", provider=provider)
    known = _opened(before) if before else {}
    wanted = {**{name: known[name] for name in keep if name in known}, **settings}
    _check(plugin, wanted)
    changed = sorted(
        name
        for name in {*known, *wanted}
        if known.get(name, msgspec.UNSET) != wanted.get(name, msgspec.UNSET)
    )
    try:
        with transaction.atomic(using=services.alias("payments")):
            SettingsRow.objects.create(
                provider=provider,
                number=number + 1,
                sealed=stored_settings.sealed(provider, number + 1, wanted),
                mode=mode,
                changed=changed,
                previous_until=at + timedelta(hours=overlap_hours) if before and overlap_hours else None,
                made_at=at,
                made_by=actor,
            )
    except IntegrityError as error:
        raise UnableToConfigureProvider("settings_changed_meanwhile", provider=provider) from error
    return provider_settings(provider=provider)


def switch_provider(*, provider: str, enabled: bool, actor: str, at: datetime) -> ProviderSettings:
    _plugin(provider)
    if enabled:
        try:
            providers.configured(provider)
        except UnableToUseProvider as error:
            raise UnableToConfigureProvider(
                "provider_not_configured", provider=provider, explanation=str(error)[:300]
            ) from None
    newest = SwitchRow.objects.filter(provider=provider).order_by("-number").first()
    if newest is None or newest.enabled != enabled:
        try:
            with transaction.atomic(using=services.alias("payments")):
                SwitchRow.objects.create(
                    provider=provider,
                    number=newest.number + 1 if newest else 1,
                    enabled=enabled,
                    made_at=at,
                    made_by=actor,
                )
        except IntegrityError as error:
            raise UnableToConfigureProvider("settings_changed_meanwhile", provider=provider) from error
    return provider_settings(provider=provider)


def _plugin(provider: str) -> providers.Plugin:
    found = providers.installed().get(provider)
    if found is None:
        raise UnableToConfigureProvider("provider_not_installed", provider=provider[:40])
    return found


def _opened(row: SettingsRow) -> dict[str, Any]:
    try:
        return stored_settings.opened(
            row.provider, stored_settings.Stored(row.number, Mode(row.mode), bytes(row.sealed), None)
        )
    except UnableToUseProvider:
        # Sealed under a key that is gone: all of it is to be said again.
        return {}


def _check(plugin: providers.Plugin, settings: Mapping[str, Any]) -> None:
    """Whether a provider can be made of them. Raises UnableToConfigureProvider (``settings_do_not_fit``)."""
    strange = sorted(set(settings) - {field.name for field in fields_of(plugin)})
    if strange:
        raise UnableToConfigureProvider("settings_do_not_fit", field=strange[0][:40], explanation="not known")
    try:
        providers.build(plugin, settings).close()
    except UnableToUseProvider as error:
        explanation = str(error.details.get("explanation", error))
        _, found, path = explanation.rpartition("`$.")
        raise UnableToConfigureProvider(
            "settings_do_not_fit",
            field=path.strip("`").partition(".")[0] if found else "",
            explanation=_without_values(explanation, settings),
        ) from None


def _without_values(explanation: str, settings: Mapping[str, Any]) -> str:
    # A plug-in's own complaint may repeat what was said, a secret included.
    for value in settings.values():
        if isinstance(value, str) and len(value) >= 4:
            explanation = explanation.replace(value, "***")
    return explanation[:200]


# Reads


def provider_settings(*, provider: str) -> ProviderSettings:
    plugin = _plugin(provider)
    origin = providers.origin_of(provider)
    rows = list(SettingsRow.objects.filter(provider=provider).order_by("-number")[:_VERSIONS_SHOWN])
    said = _opened(rows[0]) if rows and origin is not Origin.FILE else {}
    try:
        enabled = providers.is_enabled(provider)
        mode = providers.mode_of(provider)
    except (UnableToUseProvider, UnableToReadConfiguration):
        enabled, mode = False, Mode.LIVE
    if rows and origin is not Origin.FILE:
        mode = Mode(rows[0].mode)
    switches = SwitchRow.objects.filter(provider=provider).order_by("-number")[:_VERSIONS_SHOWN]
    return ProviderSettings(
        provider=provider,
        origin=origin if origin is Origin.FILE or not rows else Origin.DATABASE,
        number=rows[0].number if rows else 0,
        mode=mode,
        enabled=enabled,
        fields=tuple(fields_of(plugin, said)),
        versions=tuple(
            SettingsVersion(
                number=row.number,
                mode=Mode(row.mode),
                changed=tuple(row.changed),
                previous_until=row.previous_until,
                made_at=row.made_at,
                made_by=row.made_by,
            )
            for row in rows
        ),
        switched=tuple((row.made_at, row.enabled, row.made_by) for row in switches),
    )


def fields_of(plugin: providers.Plugin, said: Mapping[str, Any] | None = None) -> Iterator[SettingField]:
    """What the plug-in's settings ask for, in the order of its ``settings_type``."""
    try:
        schema = msgspec.json.schema(plugin.load().settings_type)
    except (TypeError, AttributeError, ImportError) as error:
        raise UnableToConfigureProvider(
            "settings_do_not_fit", field="", explanation=f"the plug-in cannot be read: {error}"[:200]
        ) from None
    definitions = schema.get("$defs", {})
    top = _resolved(schema, definitions)
    required = set(top.get("required", ()))
    for name, described in top.get("properties", {}).items():
        field = _resolved(described, definitions)
        kind, choices = _kind(field, definitions)
        known = bool(said) and name in (said or {})
        yield SettingField(
            name=name,
            kind=kind,
            required=name in required,
            title=str(described.get("title") or field.get("title") or ""),
            says=str(described.get("description") or field.get("description") or ""),
            # A secret stays where it is; the others are shown as they were said, or as they are when nobody says anything.
            value=None if kind == "secret" else (said or {}).get(name, described.get("default")),
            is_set=known and (said or {})[name] not in ("", None),
            choices=choices,
        )


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    if reference := schema.get("$ref"):
        return definitions[str(reference).rpartition("/")[2]]  # type: ignore[no-any-return]
    return schema


def _kind(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if any(part.get("writeOnly") for part in (field, *field.get("anyOf", ()))):
        return "secret", ()
    if "enum" in field:
        plain = all(isinstance(choice, str) for choice in field["enum"])
        return ("choice", tuple(field["enum"])) if plain else ("json", ())
    match field.get("type"):
        case "string":
            return "text", ()
        case "integer":
            return "whole_number", ()
        case "number":
            return "number", ()
        case "boolean":
            return "yes_or_no", ()
        case "array" if _resolved(field.get("items") or {}, definitions).get("type") == "string" and not any(
            part.get("writeOnly") for part in (_resolved(field.get("items") or {}, definitions),)
        ):
            return "list", ()
        case _ if _holds_secret(field, definitions):
            # Whatever it is made of: it is asked for as a whole, and never shown.
            return "secret_json", ()
        case _:
            return "json", ()


def _holds_secret(field: Any, definitions: Mapping[str, Any]) -> bool:
    if isinstance(field, Mapping):
        found = _resolved(field, definitions)
        return bool(found.get("writeOnly")) or any(
            _holds_secret(each, definitions) for each in found.values()
        )
    return isinstance(field, list) and any(_holds_secret(each, definitions) for each in field)
