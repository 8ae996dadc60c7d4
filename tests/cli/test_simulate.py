"""`poolsize simulate`: what it prints, what it refuses, and the document."""

from __future__ import annotations

import re
import signal
import sys
import time
from typing import Any

import psutil
import pytest

from poolsize.simulate import SEMANTICS
from tests.cli.program import Done, Program
from tests.cli.terminal import Terminal

POOL = ("simulate", "--rate", "80", "--hold", "20ms", "--capacity", "3")
SHORT = ("--replications", "20", "--arrivals", "200")


def only(done: Done) -> dict[str, Any]:
    """The one pool of its document."""
    assert done.code == 0, done.err
    (pool,) = done.document["pools"]
    assert isinstance(pool, dict)
    return pool


def test_one_pool_is_shown_with_intervals_and_a_picture(poolsize: Program) -> None:
    done = poolsize(*POOL)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "sqlalchemy under 80 checkouts/s, holds of 20 ms (exponential)"
    assert lines[1] == "3 kept of 3 connections, timeout 30 s"
    assert re.search(r"^have to wait +2\d\.\d % +2\d(\.\d)? % to 2\d(\.\d)? %$", done.out, re.MULTILINE)
    assert re.search(r"^mean wait +[34](\.\d+)? ms +3\.\d+ ms to [34](\.\d+)? ms$", done.out, re.MULTILINE)
    assert re.search(r"^p99 +4\d(\.\d)? ms +4\d(\.\d)? ms to 4\d(\.\d)? ms$", done.out, re.MULTILINE)
    assert re.search(r"^time out +0  below 0\.0\d+ %$", done.out, re.MULTILINE)
    assert "mean █ and longest ░ of one run" in done.out
    assert "Simulated: 1,000 × 3,000 requests, sqlalchemy in the order of arrival" in done.out
    assert max(map(len, lines)) <= 80


def test_several_sizes_are_compared(poolsize: Program) -> None:
    done = poolsize(*POOL[:-1], "2..5", *SHORT)
    rows = re.findall(r"^ +(\d) +(\d\d)", done.out, re.MULTILINE)
    assert [size for size, _ in rows] == ["2", "3", "4", "5"]
    busy = [int(share) for _, share in rows]
    assert busy == sorted(busy, reverse=True)
    assert max(map(len, done.out.splitlines())) <= 80
    listed = poolsize(*POOL[:-1], "8,2", *SHORT, "--json").document["pools"]
    assert [pool["capacity"] for pool in listed] == [2, 8]


def test_the_document_has_each_number_with_its_interval_and_origin(poolsize: Program) -> None:
    done = poolsize(*POOL, "--pool-size", "1", "--pool-timeout", "100ms", "--hold-scv", "4", *SHORT, "--json")
    document, pool = done.document, only(done)
    assert done.err == ""
    assert (document["command"], document["semantics"], document["hold_law"]) == ("simulate", "sqlalchemy", "lognormal")
    assert document["semantics_source"] == SEMANTICS["sqlalchemy"].source
    assert document["inputs"]["rate_per_s"] == {"value": 80.0, "origin": "stated", "source": ""}
    assert document["inputs"]["timeout_s"]["value"] == 0.1
    assert document["inputs"]["setup_s"] == {"value": 0.0, "origin": "assumed", "source": "default"}
    assert document["reproduce"].startswith("poolsize simulate --rate 80 --hold 20ms")
    assert (pool["capacity"], pool["pool_size"], pool["requests"], pool["replications"]) == (3, 1, 4000, 20)
    for name in ("mean_wait_s", "p99_wait_s", "timeout_probability", "opens_per_s", "utilization"):
        assert pool[name]["low"] <= pool[name]["value"] <= pool[name]["high"], name
    assert pool["timeout_probability"]["value"] > 0.0
    assert len(pool["moments"]) == 60


def test_one_seed_gives_one_answer_by_any_number_of_processes(poolsize: Program) -> None:
    command = ("simulate", "--rate", "80", "--hold", "20ms", "--capacity", "2..4", "--retries", "1", "--pool-timeout",
               "50ms", "--replications", "4", "--arrivals", "300", "--json")  # fmt: skip
    alone, together = (poolsize(*command, "--processes", processes).document for processes in ("1", "2"))
    assert alone["pools"] == together["pools"]
    assert poolsize(*command, "--seed", "1").document["pools"] != alone["pools"]


@pytest.mark.parametrize("name", SEMANTICS)
def test_a_pool_of_each_kind_comes_with_its_librarys_settings(name: str, poolsize: Program) -> None:
    kind = SEMANTICS[name]
    done = poolsize("simulate", "--semantics", name, "--rate", "50", "--hold", "20ms", *SHORT, "--json")
    pool = only(done)
    assert (pool["pool_size"], pool["capacity"]) == (kind.pool_size, kind.capacity)
    assert done.document["inputs"].get("timeout_s", {"value": float("inf")})["value"] == kind.timeout_s


def test_threads_think_or_make_a_rate(poolsize: Program) -> None:
    command = (
        "simulate",
        "--threads",
        "8",
        "--hold",
        "20ms",
        "--pool-size",
        "3",
        "--max-overflow",
        "1",
        *SHORT,
        "--json",
    )
    by_think, by_rate = poolsize(*command, "--think", "80ms"), poolsize(*command, "--rate", "80")
    assert only(by_think)["capacity"] == 4
    assert only(by_think) == only(by_rate)
    assert by_rate.document["inputs"]["think_s"]["value"] == pytest.approx(0.08)


def test_a_trace_is_replayed(poolsize: Program) -> None:
    lines = (f"{second},0.4\n" for second in range(100) for _ in range(3))
    (poolsize.folder / "requests.csv").write_text("arrival,hold\n" + "".join(lines))
    done = poolsize("simulate", "--trace", "requests.csv", "--capacity", "2")
    assert done.out.startswith("sqlalchemy under 300 recorded requests over 99 s, holds of 400 ms (recorded")
    assert re.search(r"^mean wait +133 ms$", done.out, re.MULTILINE)
    (poolsize.folder / "arrivals.csv").write_text("".join(f"{second}\n" for second in range(100)))
    pool = only(poolsize("simulate", "--trace", "arrivals.csv", "--hold", "1.5s", "--hold-law", "constant",
                         "--capacity", "1", "--pool-timeout", "5m", "--json"))  # fmt: skip
    assert pool["p99_wait_s"]["value"] == pytest.approx(49.0, abs=0.6)


def test_holds_come_from_a_histogram(poolsize: Program) -> None:
    (poolsize.folder / "holds.csv").write_text("value,count\n10ms,9\n110ms,1\n")
    done = poolsize("simulate", "--rate", "80", "--hold-histogram", "holds.csv", "--capacity", "3", *SHORT, "--json")
    assert done.document["hold_law"] == "histogram"
    assert done.document["inputs"]["hold_s"]["value"] == pytest.approx(0.02)
    assert done.document["inputs"]["hold_scv"]["value"] == pytest.approx(0.9 * 0.1 * 0.1**2 / 0.02**2)


def test_a_percentile_of_the_hold_makes_its_law(poolsize: Program) -> None:
    lognormal = poolsize(*POOL, "--hold-p95", "60ms", *SHORT, "--json").document
    assert lognormal["hold_law"] == "lognormal"
    heavy = poolsize(*POOL, "--hold-p95", "150ms", *SHORT, "--json").document
    assert heavy["hold_law"] == "h2"
    assert heavy["inputs"]["hold_scv"]["value"] > lognormal["inputs"]["hold_scv"]["value"] > 1.0


def test_everything_that_a_pool_may_have_is_shown(poolsize: Program) -> None:
    done = poolsize("simulate", "--semantics", "psycopg_pool", "--rate", "300", "--hold", "20ms", "--capacity", "4",
                    "--pool-size", "2", "--max-waiting", "3", "--connect-cost", "50ms", "--pools", "2", "--usl",
                    "0.05,0.001", "--app-time", "5ms", "--retries", "1", "--retry-delay", "1s", *SHORT)  # fmt: skip
    assert done.code == 0, done.err
    assert "max_waiting 3" in done.out
    assert "usl_alpha 0.05" in done.out
    assert re.search(r"^are refused +\d", done.out, re.MULTILINE)
    assert re.search(r"^fail after retries +\d", done.out, re.MULTILINE)


MISTAKES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "no load": (("--hold", "1s"), "What is the load? Give --rate, ", "--trace."),
    "threads alone": (("--hold", "1s", "--threads", "4"), "What is the load? ", "--trace."),
    "think without threads": (("--hold", "1s", "--think", "1s"), "What is the load? ", "--trace."),
    "rate and think": (
        ("--hold", "1s", "--threads", "4", "--think", "1s", "--rate", "1"), "What is the load? ", "--trace."
    ),
    "no hold": (("--rate", "1"), "How long is a connection held? Give one of --hold, ", "with holds."),
    "two holds": (
        ("--rate", "1", "--hold", "1s", "--hold-histogram", "x"), "--hold and --hold-histogram say the same", "holds."
    ),
    "a trace and a rate": (("--trace", "x.csv", "--rate", "1", "--hold", "1s"), "--trace is the load", "beside it."),
    "no such trace": (("--trace", "x.csv", "--hold", "1s"), "x.csv cannot be read: No such file", "."),
    "two variations": (
        ("--rate", "1", "--hold", "1s", "--hold-p95", "2s", "--hold-scv", "2"), "--hold-p95 says how much", "beside it."
    ),
    "a variation without a hold": (
        ("--rate", "1", "--hold-histogram", "x", "--hold-scv", "2"), "--hold-p95, --hold-scv and", "--hold."
    ),
    "no such law": (("--rate", "1", "--hold", "1s", "--hold-law", "normal"), "The law 'normal' is not one of", ""),
    "a law that cannot vary so": (
        ("--rate", "1", "--hold", "1s", "--hold-law", "h2", "--hold-scv", "0.5"), "This cannot be simulated: ", "."
    ),
    "no such kind": (("--semantics", "pgbouncr"), "The kind of pool 'pgbouncr' is not", "did you mean pgbouncer?"),
    "no such start": (("--rate", "1", "--hold", "1s", "--start", "half"), "The start 'half' is not one of", ""),
    "a size in words": (("--rate", "1", "--hold", "1s", "--capacity", "two"), "--capacity 'two' is no number of", ""),
    "a size of nothing": (("--rate", "1", "--hold", "1s", "--capacity", "0..3"), "--capacity '0..3' is no number", ""),
    "a range that falls": (("--rate", "1", "--hold", "1s", "--capacity", "5..2"), "--capacity '5..2' is no number", ""),
    "too many sizes": (
        ("--rate", "1", "--hold", "1s", "--capacity", "1..9999"), "--capacity '1..9999' has more than 1000 sizes.", ""
    ),
    "a size twice": (
        ("--rate", "1", "--hold", "1s", "--capacity", "3", "--max-overflow", "1"), "--capacity and --max-overflow", ""
    ),
    "more kept than there are": (
        ("--rate", "1", "--hold", "1s", "--capacity", "2..4", "--pool-size", "3"), "--pool-size: a pool of 2 ", "3."
    ),
    "no slow-down": (("--rate", "1", "--hold", "1s", "--usl", "0.1"), "--usl '0.1' is not alpha,beta", "0.002."),
    "a negative slow-down": (("--rate", "1", "--hold", "1s", "--usl=-1,0"), "This cannot be simulated: alpha", "."),
    "a setting of another kind": (
        ("--rate", "1", "--hold", "1s", "--max-waiting", "3"), "This cannot be simulated: sqlalchemy has no max_", "."
    ),
    "more than can be served for ever": (
        ("--rate", "100", "--hold", "1s", "--semantics", "asyncpg"), "This cannot be simulated: 100 requests/s", "ever."
    ),
    "more than the threads can make": (
        ("--rate", "100", "--hold", "1s", "--threads", "4"), "Threads that hold a connection for 1 s ", "no 100."
    ),
    "no processes": (("--rate", "1", "--hold", "1s", "--processes", "0"), "--processes: 0 is not", ""),
    "more than can be kept": (
        ("--rate", "1", "--hold", "1s", "--replications", "9999", "--arrivals", "99999"), "9,999 × 99,999 waits", ""
    ),
    "no scheduler": (("--rate", "1", "--hold", "1s", "--scheduler", "db"), "'db' is not the address of a Dask", ""),
    "no requests": (("--rate", "0", "--hold", "1s"), "This cannot be simulated: without a request", "."),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_and_a_document(name: str, poolsize: Program) -> None:
    arguments, begins, ends = MISTAKES[name]
    done = poolsize("simulate", *arguments, "--json")
    assert done.code == (1 if "cannot be read" in begins else 2), done.err
    assert done.sentence.startswith(begins)
    assert done.sentence.endswith(ends)
    assert done.document["command"] == "simulate"
    assert done.document["error"]["message"] == done.sentence
    assert done.document["pools"] == []


def test_a_scheduler_that_does_not_answer_is_one_sentence(closed_port: int, poolsize: Program) -> None:
    address = f"tcp://127.0.0.1:{closed_port}"
    program = (
        "import sys; from poolsize import parallel; parallel._ANSWER_S = 1.0; from poolsize.cli import main; main()"
    )
    done = poolsize.python(program, *POOL, *SHORT, "--scheduler", address, "--json")
    assert done.code == 1
    assert done.sentence == f"No Dask scheduler answers at {address}."


LONG = (*POOL, "--retries", "1", "--replications", "100", "--arrivals", "1000000")
"""Minutes of work."""


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_run_that_is_interrupted_ends_at_once_with_its_processes(
    number: signal.Signals, code: int, processes: str, poolsize: Program
) -> None:
    running = poolsize.start(*LONG, "--processes", processes)
    program = psutil.Process(running.pid)
    started = time.monotonic()
    while time.monotonic() < started + 30.0 and busy_s(program) < 1.0:
        time.sleep(0.05)
    workers = program.children(recursive=True)
    assert bool(workers) == (processes == "2")
    running.send_signal(number)
    out, err = running.communicate(timeout=10)
    assert (running.returncode, out, err) == (code, "", "")
    _, alive = psutil.wait_procs(workers, 5.0)
    assert alive == []


def busy_s(program: psutil.Process) -> float:
    """Processor time that it and its processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in (program, *program.children(recursive=True)))


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX's")
def test_a_terminal_shows_the_progress_and_then_the_answer(poolsize: Program) -> None:
    terminal = Terminal(poolsize, *POOL, "--retries", "1", "--processes", "1")
    terminal.wait_for("simulating")
    done = terminal.end()
    assert done.code == 0
    assert done.out.index("simulating") < done.out.index("have to wait")


def test_a_mistake_waits_for_no_numbers(poolsize: Program) -> None:
    program = "import sys, atexit; atexit.register(lambda: print('numpy' in sys.modules)); "
    done = poolsize.python(f"{program}from poolsize.cli import main; main()", "simulate", "--rate", "1")
    assert done.out.splitlines()[-1] == "False"
