"""An accounting system for recipes: Dynamics GP as its simulator pretends it, behind a folder."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.builders.configuration import change_configuration
from warchest_dynamics_gp.simulator import Simulator


class GpCompany:
    """Stands in the configuration until the page's test ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warchest-gp-")
        self.simulator = Simulator(Path(self._folder.name))
        table = {"folder": self._folder.name, "functional_currency": "EUR"}
        change_configuration(erp={"dynamics-gp": table})

    def takes_documents(self) -> None:
        """GP's integration looks into the folder."""
        self.simulator.work()

    def shows(self, name: str) -> None:
        """Print a document as it lies in the folder, less the id, which changes from run to run."""
        text = (Path(self._folder.name) / "in" / f"{name}.xml").read_text()
        print(re.sub(r"\s*<USRDEFND1>.*?</USRDEFND1>", "", text), end="")

    def shows_what_is_booked(self) -> None:
        for journal, account, code, debits, credits in self.simulator.lines():
            side = f"{debits:>8} Dr" if debits else f"{credits:>8} Cr"
            print(journal, account, side, code)

    def refuses_the_next(self) -> None:
        self.simulator.control(refuses_next=1)
