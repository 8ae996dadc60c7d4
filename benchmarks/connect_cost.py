"""Is the measured cost of a connection the one that PostgreSQL's own pgbench -C prints?

    python benchmarks/connect_cost.py [--blocks 15] [--connections 40]

Starts a PostgreSQL with SCRAM of its own, and lets pgbench and poolsize open connections in alternating blocks, so that
both see the same machine. Both use one libpq, the system's (psycopg's Python implementation), and send a `select 1`
between connect and close, since a server process that has only just begun to exit would slow the next connect.
Compared are the blocks' means, by the median of their ratios: within 10 % is what poolsize claims.

Then the same with the libpq that psycopg's binary package brings along, and both again with a role that needs no
password. Where the two libpq differ, the difference is in the client: with SCRAM it derives its key there, 4,096 rounds
of HMAC-SHA-256 at PostgreSQL's default, with the OpenSSL that this libpq was built with.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parent.parent))  # the tests' servers are not part of the package

from poolsize.dsn import parse
from poolsize.probe import ProbeOptions
from tests.servers import PostgresServer, started_postgres

CLAIMED: Final = 0.10
PGBENCH: Final = "pgbench -C"
SYSTEM: Final = "poolsize, the system's libpq"
BINARY: Final = "poolsize, psycopg's binary libpq"
TRUST: Final = ", no password"
_SCRIPT: Final = "select 1;\n"
_WORKER: Final = "--measure"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=15, help="blocks of each")
    parser.add_argument("--connections", type=int, default=40, help="connections in one block")
    parser.add_argument(_WORKER, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(_measure(sys.stdin.readline().strip(), arguments.connections))
        return 0
    with started_postgres(tls=False) as server:
        return _compare(server, arguments.blocks, arguments.connections)


def _compare(server: PostgresServer, blocks: int, connections: int) -> int:
    ways: dict[str, Callable[[], tuple[float, str]]] = {
        PGBENCH: lambda: _pgbench(server, connections),
        SYSTEM: lambda: _poolsize(server, connections, "python"),
        BINARY: lambda: _poolsize(server, connections, "binary"),
        f"{SYSTEM}{TRUST}": lambda: _poolsize(server, connections, "python", user="trust"),
        f"{BINARY}{TRUST}": lambda: _poolsize(server, connections, "binary", user="trust"),
    }
    means: dict[str, list[float]] = {name: [] for name in ways}
    versions: dict[str, str] = {}
    for block in range(blocks + 1):
        for name, way in ways.items():
            mean_s, versions[name] = way()
            if block:  # the first warms up the server's and everybody's caches
                means[name].append(mean_s)
    for name, found in means.items():
        print(
            f"{name:46} median {statistics.median(found) * 1e3:7.3f} ms  blocks {min(found) * 1e3:.2f} to "
            f"{max(found) * 1e3:.2f} ms  {versions[name]}"
        )
    return _judge(means)


def _judge(means: dict[str, list[float]]) -> int:
    """By the ratio within each block, whose members ran one after the other: what else the machine does cancels."""
    ratio = _ratio(means[SYSTEM], means[PGBENCH])
    is_claimed = abs(ratio - 1) <= CLAIMED
    print(
        f"\nWith the same libpq: {ratio:.3f} of what pgbench prints, {'within' if is_claimed else 'NOT within'} 10 %."
    )
    scram = {name: _difference(means[name], means[f"{name}{TRUST}"]) for name in (SYSTEM, BINARY)}
    print(
        f"psycopg's own libpq: {_ratio(means[BINARY], means[SYSTEM]):.3f} of the system's. What SCRAM adds to a login "
        f"without a password: {scram[SYSTEM] * 1e3:.2f} ms with the system's libpq, {scram[BINARY] * 1e3:.2f} ms with "
        "psycopg's."
    )
    return 0 if is_claimed else 1


def _difference(means: list[float], references: list[float]) -> float:
    return statistics.median(mean - reference for mean, reference in zip(means, references, strict=True))


def _ratio(means: list[float], references: list[float]) -> float:
    return statistics.median(mean / reference for mean, reference in zip(means, references, strict=True))


def _pgbench(server: PostgresServer, connections: int) -> tuple[float, str]:
    script = server.folder / "select.sql"
    script.write_text(_SCRIPT)
    done = subprocess.run(
        ["pgbench", "-n", "-C", "-t", str(connections), "-f", script, server.dsn("scram", password=server.password)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    match = re.search(r"average connection time = ([\d.]+) ms", done.stdout)
    if match is None:
        raise SystemExit(f"pgbench printed no connection time: {done.stdout}")
    version = subprocess.run(["pgbench", "--version"], capture_output=True, text=True, check=True)
    return float(match[1]) / 1e3, version.stdout.strip()


def _poolsize(
    server: PostgresServer, connections: int, implementation: str, *, user: str = "scram"
) -> tuple[float, str]:
    """In a process of its own, since psycopg chooses its libpq when it is imported."""
    done = subprocess.run(
        [sys.executable, __file__, _WORKER, "--connections", str(connections)],
        input=server.dsn(user, password=server.password), capture_output=True, text=True, check=True,
        env={**os.environ, "PSYCOPG_IMPL": implementation},
    )  # fmt: skip
    mean_s, _, version = done.stdout.strip().partition(" ")
    return float(mean_s), version


def _measure(dsn: str, connections: int) -> str:
    """The mean of what the probe's own samples sum to."""
    from poolsize.probe.postgresql_connect import Connector  # imports psycopg, which the parent must not
    from poolsize.probe.postgresql_libpq import client_name

    connector = Connector(parse(dsn), ProbeOptions())
    totals = []
    for _ in range(connections):
        with connector.open() as session:
            totals.append(sum(session.phases.values()))
            session.rows("select 1")
    return f"{statistics.fmean(totals)} {client_name()}"


if __name__ == "__main__":
    sys.exit(main())
