"""Prints the catalogue, with the rows that the last run of the tests showed working."""

from __future__ import annotations

from collections import Counter

import click

from tests.use_cases import catalogue

SIZES = {"C": "complex", "M": "medium", "S": "simple"}


@click.command(help=__doc__)
@click.argument("section", required=False)
@click.option("--open", "only_open", is_flag=True, help="Only the rows that do not work yet.")
def main(section: str | None, only_open: bool) -> None:
    rows = catalogue.use_cases()
    titles = catalogue.sections()
    runs = catalogue.last_runs()
    tests = [(id, outcomes) for run in runs for id, outcomes in run.tests.items()]
    if section and section.upper() not in titles:
        raise click.ClickException(f"No section {section}; there are {', '.join(titles)}.")
    if unknown := sorted({id for id, _ in tests} - set(rows)):
        raise click.ClickException(
            f"Tests name use cases that are not in the catalogue: {', '.join(unknown)}"
        )

    working = catalogue.working()
    failed = {id for id, outcomes in tests if "failed" in outcomes}
    for name, title in titles.items():
        if section and section.upper() != name:
            continue
        mine = [row for row in rows.values() if row.section == name]
        click.echo(f"\n{name} · {title}: {sum(row.id in working for row in mine)} of {len(mine)}")
        for row in mine:
            if not (only_open and row.id in working):
                mark = "✓" if row.id in working else "✗" if row.id in failed else "·"
                click.echo(f"  {mark} {row.id}  {row.size}  {row.actor:<13}  {row.text}")

    click.echo()
    of_size = Counter(row.size for row in rows.values())
    for size, word in SIZES.items():
        click.echo(f"{word:<8} {sum(rows[id].size == size for id in working):>3} of {of_size[size]:>3}")
    click.echo(f"{'all':<8} {len(working):>3} of {len(rows):>3}")
    if not runs:
        click.echo("No run of the tests is recorded yet: script/test makes one.")
    for run in runs:
        extent = f"only a part: script/test {' '.join(run.arguments)}" if run.arguments else "the whole suite"
        if run.spread:
            shown = sum(run.shows(id) for id in working)
            extent = f"with {run.spread}, which shows {shown} of these rows"
        click.echo(f"Last run: {run.finished_at}, {extent}{'' if run.finished else ', broken off'}.")


if __name__ == "__main__":
    main()
