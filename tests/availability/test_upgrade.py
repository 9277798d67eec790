"""SMG-04: the version before goes on serving on today's schema, beside today's version, while everybody buys.

What docs/upgrading.md promises; and what every migration since then has to bear.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO

import pytest

from tests.availability.house import a_house
from tests.availability.processes import ROOT, Code
from tests.availability.workload import Workload
from warchest.runtime.postgres import EmbeddedPostgres

BEFORE = "4ef595f8152bc0c2a31869bcaf4ad26d28d9c67e"
"""The last commit before services could be spread over several databases."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Code]:
    """The code of that commit, in a folder of its own."""
    folder = tmp_path_factory.mktemp("before")
    archive = subprocess.run(["git", "archive", BEFORE, "src", "tests"], cwd=ROOT, capture_output=True)
    if archive.returncode:
        pytest.skip(f"commit {BEFORE[:7]} is not in this clone: git fetch --unshallow brings it")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(folder)
    yield Code(folder)


@pytest.mark.timeout(300)
@pytest.mark.use_case("SMG-04")
def test_both_versions_serve_on_the_new_schema_and_nobody_notices(before: Code) -> None:
    now = Code()
    with a_house() as house, EmbeddedPostgres(house.home):
        furniture = house.furnish(code=before, cards=30)
        (old,) = house.portals("old", code=before)
        old_worker = house.worker("old-worker", code=before)
        with Workload(furniture, [old.url]) as workload:
            workload.wait_for_answers(more=30)
            now.warchest("migrate", given=house.given)
            workload.wait_for_answers(more=30)
            assert old.readiness() == 200

            (new,) = house.portals("new")
            house.worker("new-worker")
            workload.addresses = [old.url, new.url]
            workload.wait_for_answers(more=60)
            assert workload.tally.met.keys() == {"201"}, "somebody had to ask twice"

            workload.addresses = [new.url]
            old.terminate()
            old_worker.terminate()
            workload.wait_for_answers(more=30)
            assert (old.wait(), old_worker.wait()) == (0, 0)
        tally = workload.tally
        activations = sum(answer.request.is_activation for answer in tally.acknowledged)
        print(
            f"\n{len(tally.acknowledged)} acknowledged, {activations} of them activations; {dict(tally.met)}"
        )
        assert activations >= 10
        # What the old version has answered, the new one answers again.
        workload.ask_all_again()
        for process in house.processes:
            assert "pulse_failed" not in process.log()
        house.assert_as_acknowledged(furniture, tally, codes=(before, now))
