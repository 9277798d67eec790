"""``python -m warchest.cli.demo.wait_for PORT… -- ARGUMENTS…`` becomes Python with the arguments once the ports answer.

The portal starts so, that whoever finds it ready finds the back office and the sandbox too.
"""

from __future__ import annotations

import os
import socket
import sys
import time

_PATIENCE_S = 45.0
"""A portal without a back office is better than neither."""


def main(arguments: list[str]) -> None:
    separator = arguments.index("--")
    ports, command = [int(port) for port in arguments[:separator]], arguments[separator + 1 :]
    deadline = time.monotonic() + _PATIENCE_S
    while ports and time.monotonic() < deadline:
        if _answers(ports[0]):
            ports.pop(0)
        else:
            time.sleep(0.05)
    os.execv(sys.executable, [sys.executable, *command])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
