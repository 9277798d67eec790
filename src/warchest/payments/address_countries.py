"""The country of an address, by a file that the operator may lay into the home.

``networks.csv`` has a line ``first,last,country`` for each range of addresses, as the free tables of that trade have them
(DB-IP's and IP2Location's "IP to country" in CSV). Without it no address has a country, and rules about it say nothing.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import structlog

from warchest.runtime.secrets import home

log = structlog.get_logger(__name__)

NAME = "networks.csv"

_Ranges = dict[int, tuple[list[int], list[int], list[str]]]


def country_of(address: IPv4Address | IPv6Address) -> str:
    """ISO 3166-1 alpha-2, or empty."""
    path = home() / NAME
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError:
        return ""
    firsts, lasts, countries = _read(path, changed_ns).get(address.version, ([], [], []))
    place = bisect_right(firsts, int(address)) - 1
    return countries[place] if place >= 0 and int(address) <= lasts[place] else ""


@cache
def _read(path: Path, _changed_ns: int) -> _Ranges:
    found: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
    unread = 0
    with path.open(newline="") as file:
        for line in csv.reader(file):
            try:
                first, last = ip_address(line[0].strip()), ip_address(line[1].strip())
                country = line[2].strip().upper()
                if first.version != last.version or len(country) != 2 or not country.isalpha():
                    raise ValueError
            except (ValueError, IndexError):
                unread += 1
                continue
            if country != "ZZ":
                found[first.version].append((int(first), int(last), country))
    if unread:
        log.warning("networks_unread", file=path.name, lines=unread)
    ranges: _Ranges = {}
    for version, rows in found.items():
        rows.sort()
        ranges[version] = ([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    return ranges
