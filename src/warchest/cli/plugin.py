"""``warchest plugin``: what payment plug-ins are installed, and whether they keep their contract."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click

from warchest.sdk import store_conformance
from warchest.sdk.conformance import BANK_STEPS, STEPS
from warchest.sdk.conformance.session import (
    PROVIDERS,
    RIGS,
    Outcome,
    Result,
    Session,
    UnableToTry,
    installed,
    steps_named,
    unknown_skips,
)
from warchest.sdk.conformance.telling import as_json, as_junit, line, summary
from warchest.sdk.payments import PaymentProvider

_ABILITY_OF = {
    "refund": "refunds",
    "capture": "captures later",
    "void": "voids",
    "forget_method": "saves methods",
    "answer_dispute": "disputes",
    "settlement_report": "settlement reports",
    "read_settlement": "settlement files",
    "read_statement": "bank statements",
    "write_orders": "orders to a bank",
}
_WHY = {
    "plugin_unknown": 'No installed plug-in is named "{name}"; "warchest plugin list" names them.',
    "plugin_ambiguous": 'Two installed distributions bring something for "{name}".',
    "plugin_does_not_load": 'The plug-in "{name}", or its rig, does not load.',
    "rig_missing": 'The plug-in "{name}" brings no rig: it names none under the entry points "warchest.conformance".',
    "simulator_did_not_start": 'The simulator of "{name}" did not start.',
    "step_unknown": 'There is no such step; "warchest plugin steps" names them.',
}
_NAME_WIDTH = max(len(step.name) for step in STEPS + BANK_STEPS)
_COLOURS = {Outcome.PASSED: None, Outcome.FAILED: "red", Outcome.SKIPPED: "yellow"}


@click.group("plugin", help="Look at the installed payment plug-ins, and try them.")
def command() -> None:
    pass


@command.command(
    "list", help="Name the installed plug-ins, their versions, what they can do, and what is wrong."
)
@click.pass_context
def list_plugins(context: click.Context) -> None:
    found = sorted(entry_points(group=PROVIDERS), key=lambda point: point.name)
    broken = False
    for point in found:
        made_by = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
        click.echo(f"{point.name:16} {made_by}")
        factory, problems = _loaded(point)
        if len([other for other in found if other.name == point.name]) > 1:
            problems.append("two distributions give this name")
        if factory is not None:
            click.echo(f"{'':16} {_abilities(factory)}")
            if not entry_points(group=RIGS, name=point.name):
                click.echo(f"{'':16} it brings no rig, so it cannot be tried")
        for problem in problems:
            click.echo(f"{'':16} {click.style('problem:', fg='red')} {problem}")
        broken |= bool(problems)
    for point in sorted(entry_points(group=store_conformance.STORES), key=lambda point: point.name):
        made_by = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
        click.echo(f"{point.name:16} {made_by}\n{'':16} a store that sells codes")
    if not found:
        click.echo("No plug-in is installed. Install one with pip, for example warchest-sandbox.")
    if broken:
        context.exit(1)


@command.command("steps", help="Print what the conformance kit tries, step by step.")
def list_steps() -> None:
    for step in STEPS:
        click.echo(f"{step.name:{_NAME_WIDTH}}  {step.about}")
    click.echo("\nOf plug-ins that deal with a bank by files, too:\n")
    for step in BANK_STEPS:
        click.echo(f"{step.name:{_NAME_WIDTH}}  {step.about}")
    click.echo("\nOf plug-ins for stores that sell codes, with each dialect:\n")
    for name, (about, _try) in store_conformance.STEPS.items():
        click.echo(f"{name:{_NAME_WIDTH}}  {about}")


@command.command("test")
@click.argument("name")
@click.option("--only", "only", multiple=True, metavar="STEP", help="Try this step only; may be repeated.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write results here."
)
@click.option(
    "--junit", "junit_file", type=click.Path(path_type=Path, dir_okay=False), help="As JUnit's XML."
)
@click.pass_context
def try_plugin(
    context: click.Context, name: str, only: tuple[str, ...], json_file: Path | None, junit_file: Path | None
) -> None:
    """Try a plug-in against its protocol's simulator, step by step.

    NAME is the provider's, such as "sandbox", or that of a plug-in for stores, such as "softkey". No running system and no
    database are needed. Ends with 1 when a step failed, with 2 when nothing could be tried.
    """
    name = name.removeprefix("warchest-")
    results: list[Result] = []
    try:
        for result in _tried(name, only):
            results.append(result)
            told = line(result, name_width=_NAME_WIDTH)
            click.echo(click.style(told, fg=_COLOURS[result.outcome]))
    except UnableToTry as unable:
        details = "".join(f" {value}." for value in unable.details.values())
        click.echo(f"{_WHY[unable.reason].format(name=name)}{details}", err=True)
        context.exit(2)
    click.echo(f"\n{name}: {summary(results)}")
    if json_file:
        json_file.write_text(as_json(name, results) + "\n")
    if junit_file:
        junit_file.write_text(as_junit(name, results) + "\n")
    if any(result.outcome is Outcome.FAILED for result in results):
        context.exit(1)


def _tried(name: str, only: tuple[str, ...]) -> Iterator[Result]:
    if not entry_points(group=PROVIDERS, name=name) and entry_points(
        group=store_conformance.STORES, name=name
    ):
        yield from store_conformance.tried(*store_conformance.installed(name), only=only)
        return
    rig, factory = installed(name)
    steps = steps_named(only, rig)
    if not only:
        yield from unknown_skips(rig)
    with Session(rig, factory) as session:
        for step in steps:
            yield session.run(step)


def _loaded(point: EntryPoint) -> tuple[Any, list[str]]:
    """The plug-in's factory, None where it does not load, and what is wrong with it."""
    try:
        factory = point.load()
    except Exception as error:
        return None, [f"it does not load: {type(error).__name__}: {error}"]
    problems = []
    if not hasattr(factory, "settings_type"):
        problems.append("it has no settings_type")
    return factory, problems


def _abilities(factory: Any) -> str:
    """By the methods that are written: what it declares is known only once it has settings."""
    written = [
        word
        for method, word in _ABILITY_OF.items()
        if getattr(factory, method, None) not in (None, getattr(PaymentProvider, method, None))
    ]
    return ", ".join(["takes payments", *written])
