"""Three NATS servers are one broker. Each dies in turn, with the services beside it, and callers go on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.availability.house import House, a_house
from tests.availability.processes import ROOT, Code, Portal, Process, a_port
from tests.availability.workload import Workload
from warchest.runtime.postgres import EmbeddedPostgres

PAGE = ROOT / "docs" / "operations" / "three-brokers.md"
_HOSTED = "members,catalogue,cards,subscriptions,accounting"
_MACHINES = ("10.0.0.21", "10.0.0.22", "10.0.0.23")


class Machine(Process):
    """``warchest serve --services …``: a broker, and a process that answers calls."""

    def __init__(self, house: House, number: int, *, configuration: str) -> None:
        self.home = house.folder / f"machine{number}"
        self._configuration = configuration
        code = Code()
        given = {**house.given, "WARCHEST_HOME": str(self.home)}
        super().__init__(
            f"machine{number}",
            code.command("-m", "warchest.cli.main", "serve", "--services", _HOSTED),
            given=code.environment(given),
            folder=house.folder,
        )

    def furnish(self, *, like: Path) -> None:
        """What an operator copies from the first machine."""
        for folder in ("authority", "secrets"):
            if (like / folder).exists():
                shutil.copytree(like / folder, self.home / folder)
        self.home.mkdir(exist_ok=True)
        (self.home / "warchest.toml").write_text(self._configuration)

    def die(self) -> None:
        """The broker first, as in a power cut everything at once."""
        broker = self._broker()
        assert broker
        os.kill(broker, signal.SIGKILL)
        children = self._children()
        self.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def _broker(self) -> int | None:
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(link) == str(self.home / "broker"):
                    return int(link.parent.name)
        return None

    def _children(self) -> list[int]:
        assert self._process is not None
        with suppress(OSError):
            listed = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
            return [int(child) for child in listed.split()]
        return []


def on_this_machine(block: str, addresses: Mapping[str, str]) -> str:
    """The page's configuration with ports of loopback in place of machines."""
    for there, here in addresses.items():
        block = block.replace(there, here)
    return block


@pytest.mark.long_round
@pytest.mark.timeout(400)
def test_callers_go_on_whichever_dies() -> None:
    of_brokers, of_faces = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    ports = {f"{machine}:{port}": f"127.0.0.1:{a_port()}" for machine in _MACHINES for port in (4222, 6222)}
    with a_house() as house, EmbeddedPostgres(house.home) as server:
        # As every machine reaches it.
        house.given["WARCHEST_DATABASE_URL"] = server.superuser_dsn()
        furniture = house.furnish()
        machines = []
        for number, address in enumerate(_MACHINES, 1):
            port, route = (ports[f"{address}:{number}"].partition(":")[2] for number in (4222, 6222))
            own = {
                f'"{_MACHINES[0]}"': '"127.0.0.1"',
                "port = 4222": f"port = {port}",
                "route_port = 6222": f"route_port = {route}",
            }
            machines.append(
                Machine(house, number, configuration=on_this_machine(of_brokers, {**ports, **own}))
            )
        house.processes += machines
        machines[0].furnish(like=house.home)
        machines[0].start()
        _wait_until(lambda: "services_registered" in machines[0].log(), machines)
        for machine in machines[1:]:
            machine.furnish(like=machines[0].home)
            machine.start()
        for machine in machines:
            _wait_until(lambda machine=machine: "services_registered" in machine.log(), machines)

        faces = house.folder / "faces"
        shutil.copytree(machines[0].home / "secrets", faces / "secrets")
        shutil.copytree(machines[0].home / "authority", faces / "authority")
        (faces / "warchest.toml").write_text(on_this_machine(of_faces, ports))
        given = {**house.given, "WARCHEST_HOME": str(faces), "WARCHEST_SERVICES": ""}
        portal = Portal("portal", port=a_port(), given=given, folder=house.folder)
        house.processes.append(portal)
        portal.start()
        portal.wait_until_ready()
        with Workload(furniture, [portal.url]) as workload:
            workload.wait_for_answers(more=30)
            for machine in machines:
                said = machine.log().count("services_registered")
                machine.die()
                workload.wait_for_answers(more=40)
                machine.start()
                _wait_until(lambda m=machine, n=said: m.log().count("services_registered") > n, machines)
                workload.wait_for_answers(more=20)
        tally = workload.tally
        print(
            f"\n3 machines died: {len(tally.acknowledged)} acknowledged, answers {dict(tally.met)},"
            f" longest silence {tally.longest_silence_s():.1f} s"
        )
        house.assert_as_acknowledged(furniture, tally)

        # And they were needed: the portal has no service itself.
        for machine in machines:
            machine.die()
        answer = httpx.get(
            f"{portal.url}/api/v1/catalogue",
            headers={"Authorization": f"Bearer {furniture.api_key}"},
            timeout=30,
            trust_env=False,
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")


def _wait_until(condition: Callable[[], bool], machines: Sequence[Machine]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "\n".join(machine.log()[-1500:] for machine in machines)
        time.sleep(0.1)
