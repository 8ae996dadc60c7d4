"""How many connections load may take, what is said beforehand, and what this client can do."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from poolsize.datatypes import Database, DatabaseFacts, Layer, limits_of
from poolsize.errors import TooManyConnectionsError, UsageError
from poolsize.live.budget import Plan, check_open_files, connections_for_load
from poolsize.live.ceiling import ceiling_of, is_beyond, lateness


def facts(free: int | None, dialect: str = "postgresql") -> DatabaseFacts:
    layer = Layer(name="server", limit=100, used=None if free is None else 100 - free)
    return DatabaseFacts(limits=limits_of((layer,)), database=Database(dialect=dialect))


@pytest.mark.parametrize(
    ("free", "wanted", "at_most", "given"),
    [
        (97, 64, None, 23),  # a quarter of 97 is 24, one of them the heartbeat's
        (97, 8, None, 8),
        (97, 64, 50, 49),
        (97, 300, 300, 96),  # never more than are free
        (8, 64, None, 1),
        (None, 64, 10, 9),
    ],
)
def test_load_takes_a_quarter_of_the_free_slots_or_what_it_is_told(
    free: int | None, wanted: int, at_most: int | None, given: int
) -> None:
    assert connections_for_load(facts(free), wanted, at_most) == given


def test_where_nothing_is_left_it_says_so() -> None:
    with pytest.raises(TooManyConnectionsError, match="Only 7 connections"):
        connections_for_load(facts(7), 64)
    with pytest.raises(UsageError, match="--at-most 1 leaves no connection"):
        connections_for_load(facts(97), 64, 1)
    with pytest.raises(UsageError, match="could not be read"):
        connections_for_load(facts(None), 64)
    with pytest.raises(UsageError, match="could not be read"):
        connections_for_load(DatabaseFacts(), 64)


def test_a_file_has_no_slots() -> None:
    assert connections_for_load(facts(None, "sqlite"), 64) == 64
    assert connections_for_load(facts(None, "sqlite"), 64, 3) == 3


def test_the_plan_is_one_sentence() -> None:
    plan = Plan("the capacity curve", "db:5432/shop", 24, 30.0)
    assert plan.sentence == ("Runs the capacity curve on db:5432/shop: at most 24 connections at once, for about 30 s.")
    filling = Plan("300 requests without a pool", "db:5432/shop", 1, 2.0, "This fills the server.")
    assert filling.sentence.endswith("at most 1 connection at once, for about 2 s. This fills the server.")


@pytest.mark.skipif(sys.platform == "win32", reason="its sockets are no files")
def test_too_few_open_files_are_told_with_the_command() -> None:
    program = (
        "import resource\nfrom poolsize.errors import UsageError\n"
        "from poolsize.live.budget import check_open_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "check_open_files(200)\n"
        "try:\n    check_open_files(300)\nexcept UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=os.environ)
    assert done.stderr == ""
    assert done.stdout == (
        "300 connections need about 332 open files, and this shell allows 256: ulimit -n 664, then again.\n"
    )
    check_open_files(1)


def test_the_ceiling_is_what_the_processor_time_of_an_operation_allows() -> None:
    def operation() -> None:
        """Works for 2 ms, and waits for as long."""
        end = time.process_time() + 0.002
        while time.process_time() < end:
            pass
        time.sleep(0.002)

    ceiling = ceiling_of(operation, seconds=0.2)
    assert 0.0019 < ceiling.operation_cpu_s < 0.004
    assert ceiling.operations_per_s == pytest.approx(1.0 / ceiling.operation_cpu_s)
    assert ceiling.round_trip_s > 0.0039
    assert 0.0 <= ceiling.late_p50_s <= ceiling.late_p99_s
    assert is_beyond(0.71 * ceiling.operations_per_s, ceiling)
    assert not is_beyond(0.71 * ceiling.operations_per_s, ceiling, processes=2)
    assert not is_beyond(0.69 * ceiling.operations_per_s, ceiling)


def test_every_sleep_is_late_by_something() -> None:
    late = lateness(threads=2, sleeps=5, sleep_s=0.001)
    assert len(late) == 10
    assert late == sorted(late)
    assert late[0] >= -0.001
