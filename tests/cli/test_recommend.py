"""The answer in its forms, its first lines, and the command that gives it again."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poolsize import recommend as recommend_of
from poolsize.datatypes import Recommendation, Request
from poolsize.providers import stated_facts
from tests.cli.program import Program
from tests.servers import PASSWORD, PostgresServer

LOAD = ("--workers", "4", "--rate", "80", "--hold", "20ms")
STATED = (*LOAD, "--max-connections", "100")
PLACES = {"settings", "verdict", "worst_case_sum", "binding", "predicted", "ranges", "neighbours", "limits", "scope"}
"""Of the document: what must come out the same."""


def decided(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in PLACES}


def test_the_first_three_lines_say_the_settings_the_sum_and_the_origins(poolsize: Program) -> None:
    done = poolsize("recommend", *STATED, variables={"COLUMNS": "200"})
    lines = done.out.splitlines()
    assert re.fullmatch(r"pool_size=3 max_overflow=0 pool_timeout=1 pool_recycle=\d+ pool_pre_ping=True", lines[0])
    assert lines[1] == "Worst case 1 instance × 4 processes × 1 pool × 3 = 12 of 94 (server 97 - 3 others)"
    assert lines[2].startswith("Stated: 80 checkouts/s, hold 20 ms. Assumed: threads 8, skew 1")
    assert lines[2].endswith("Limits: --max-connections 100.")
    assert lines[3] == "Certified by 3,000,000 simulated checkouts: p99 wait 0, as the model says."
    assert [line.split()[0] for line in lines[6:9]] == ["c", "gthread", "c"]
    assert lines[-1] == "Next: poolsize export sqlalchemy, or --explain for how it follows"


def test_from_workers_alone_three_kinds_of_worker_stand_beside_each_other(poolsize: Program) -> None:
    document = poolsize("recommend", "--workers", "4", "--json").document
    assert document["assumed_workload"] is True
    assert document["deployment"]["worker_type"] == "gunicorn-gthread"
    assert {row["label"] for row in document["alternatives"]} == {"gunicorn-sync", "uvicorn"}
    text = poolsize("recommend", "--workers", "4").out
    assert re.search(r"^gthread .*\n(.*\n)*sync .*\nuvicorn ", text, flags=re.MULTILINE)
    assert "wait" not in text.partition("Limits:")[2], "no wait is told of a load that nobody stated"


def test_every_option_arrives_in_the_request(poolsize: Program) -> None:
    options = {
        "--workers": 4, "--threads": 6, "--instances": 3, "--surge": "50%", "--pools": 2, "--checkouts-per-request": 2,
        "--skew": 1.5, "--worker-type": "gunicorn-gthread", "--current": "5+10", "--rate": 120, "--hold": "20ms",
        "--hold-p95": "60ms", "--p99-wait": "15ms", "--max-timeouts": 1e-5, "--request-timeout": "20s",
        "--max-connections": 400, "--reserved": 5, "--others": 9, "--connect-cost": "30ms", "--db-cores": 16,
    }  # fmt: skip
    words = [str(word) for pair in options.items() for word in pair]
    document = poolsize("recommend", *words, "--json").document
    request = Request(
        workers=4, threads=6, instances=3, surge=2, pools=2, checkouts_per_request=2, skew=1.5,
        worker_type="gunicorn-gthread", current=(5, 10), rate_per_s=120, hold_s=0.02, hold_p95_s=0.06,
        p99_wait_s=0.015, max_timeouts=1e-5, request_timeout_s=20, others=9, connect_cost_s=0.03, db_cores=16,
    )  # fmt: skip
    expected = msgspec.to_builtins(recommend_of(request, stated_facts(400, reserved=5)))
    assert decided(document) == decided(msgspec.json.decode(msgspec.json.encode(expected)))
    assert document["current"] == msgspec.json.decode(msgspec.json.encode(expected["current"]))
    assert document["inputs"] == msgspec.json.decode(msgspec.json.encode(expected["inputs"]))


@pytest.mark.parametrize(
    "options",
    [
        ("--hold-scv", "2", "--rate", "80", "--hold", "20ms"),
        ("--request-rate", "80", "--request-time", "60ms", "--request-p95", "150ms", "--worker-type", "django-wsgi"),
        ("--think", "400ms", "--hold", "15ms"),
        ("--rate", "80", "--in-use", "1.6"),
        ("--rate", "80", "--hold", "20ms", "--in-use", "1.7", "--no-certify"),
        ("--rate", "80", "--hold", "20ms", "--usl", "0.02,0.0005"),
        ("--profile", "reporting"),
        ("--current", "default"),
        ("--dialect", "mysql", "--max-connections", "151"),
        ("--provider", "rds-postgresql", "--db-memory", "8GB"),
    ],
)
def test_every_way_to_say_it_is_answered(options: tuple[str, ...], poolsize: Program) -> None:
    limits = () if {"--dialect", "--provider"} & set(options) else ("--max-connections", "100")
    done = poolsize("recommend", "--workers", "4", *limits, *options, "--json")
    assert done.code == 0, done.err
    assert done.document["verdict"] == "fits"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A histogram of holds of 10 and 40 ms, and the checkouts of a minute."""
    (tmp_path / "holds.csv").write_text("hold,count\n10ms,900\n40ms,100\n", encoding="utf-8")
    lines = [f"{second + part / 80:.4f},0.02" for second in range(60) for part in range(80)]
    (tmp_path / "trace.csv").write_text("\n".join(["arrival,hold", *lines]), encoding="utf-8")
    return tmp_path


def test_what_was_recorded_is_taken_in_the_place_of_numbers(recorded: Path, poolsize: Program) -> None:
    by_holds = poolsize(
        "recommend", "--workers", "4", "--rate", "80", "--hold-histogram", str(recorded / "holds.csv"), "--json"
    ).document
    assert by_holds["inputs"]["hold_s"]["value"] == pytest.approx(0.013)
    assert by_holds["inputs"]["hold_s"]["origin"] == "observed"
    assert (by_holds["hold_law"], by_holds["certificate"]["decided_by"]) == ("histogram", "simulation")
    by_trace = poolsize("recommend", "--workers", "4", "--trace", str(recorded / "trace.csv"), "--json").document
    assert by_trace["inputs"]["rate_per_s"]["value"] == pytest.approx(80, rel=0.01)
    assert by_trace["certificate"]["decided_by"] == "simulation"


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--hold-histogram", "missing.csv"), 1, "missing.csv cannot be read: No such file or directory."),
        (("--trace", "missing.csv"), 1, "missing.csv cannot be read: No such file or directory."),
        (("--usl", "1"), 2, "--usl '1' is not alpha,beta, such as 0.05,0.002."),
        (("--usl=-1,0",), 2, "--usl is alpha,beta of the scalability law, both 0 or more, such as 0.05,0.002."),
        (
            ("--rate", "80", "--hold", "20ms", "--in-use", "5"),
            2,
            "80 checkouts/s of 20 ms each keep 1.6 connections in use, and --in-use says 5: by Little's law the two "
            "are the same, so one of the three numbers is of another time or of something else.",
        ),
    ],
)
def test_what_cannot_be_taken_is_one_sentence(
    options: tuple[str, ...], code: int, sentence: str, poolsize: Program
) -> None:
    done = poolsize("recommend", "--workers", "4", *options)
    assert (done.code, done.out, done.err) == (code, "", sentence + "\n")


def test_it_is_certified_unless_that_is_not_wanted(poolsize: Program) -> None:
    certified = poolsize("recommend", *STATED, "--json").document
    assert certified["certificate"]["checkouts"] == 3_000_000
    plain = poolsize("recommend", *STATED, "--no-certify", "--json").document
    assert plain["certificate"] is None
    assert decided(plain) == decided(certified)


def test_json_is_a_document_and_its_other_name_the_same(poolsize: Program) -> None:
    done = poolsize("recommend", *STATED, "--json")
    answer = msgspec.json.decode(done.out, type=Recommendation)
    assert answer.settings is not None
    assert answer.settings.capacity == 3
    assert decided(poolsize("recommend", *STATED, "--format", "json").document) == decided(done.document)


def test_markdown_holds_what_belongs_into_a_pull_request(poolsize: Program) -> None:
    done = poolsize("recommend", *STATED, "--current", "default", "--format", "markdown")
    document = poolsize("recommend", *STATED, "--current", "default", "--json").document
    assert done.out.startswith("## Connection pool\n\n`pool_size=3 ")
    assert document["worst_case_sum"] in done.out
    for name, quantity in document["inputs"].items():
        assert re.search(rf"^\| `{name}` \| .* \| {quantity['origin']} \| ", done.out, flags=re.MULTILINE)
    for finding in document["findings"]:
        assert finding["code"] in done.out
    assert f"Again with: `poolsize recommend {' '.join(STATED)} --current default --format markdown`" in done.out


def test_explain_shows_what_the_answer_follows_from(poolsize: Program) -> None:
    done = poolsize("recommend", *STATED, "--explain", variables={"COLUMNS": "300"})
    document = poolsize("recommend", *STATED, "--json").document
    for line in document["workings"]:
        assert line in done.out
    assert "--explain for how it follows" not in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="the command is quoted for a POSIX shell")
def test_the_command_that_it_names_gives_the_answer_again(postgres15: PostgresServer, poolsize: Program) -> None:
    dsn = postgres15.dsn("scram", password=PASSWORD, sslmode="disable")
    probed = poolsize("recommend", dsn, *LOAD, "--connect-cost", "20ms", "--json").document
    stored = poolsize("recommend", *LOAD, "--connect-cost", "20ms", "--current", "5+10", "--json").document
    for first in (probed, stored):
        line = first["reproduce"].replace("poolsize", f"{sys.executable} -m poolsize", 1)
        again = poolsize.run(["bash", "-c", line], variables={"DATABASE_URL": dsn})
        assert again.code == 0, again.err
        assert decided(again.document) == decided(first)


@pytest.mark.skipif(sys.platform == "win32", reason="the command is quoted for a POSIX shell")
def test_the_command_survives_a_shell_whatever_was_typed(poolsize: Program) -> None:
    profile = poolsize.folder / "it's $HOME's.toml"
    profile.write_text(
        'title = "t"\ndescription = "d"\nworker_type = {value = "uvicorn", reason = "r"}\n'
        'rate_per_process_per_s = {value = 20, reason = "r"}\nhold_s = {value = 0.02, reason = "r"}\n'
        'hold_scv = {value = 1, reason = "r"}\n'
    )
    first = poolsize("recommend", "--workers", "4", "--profile", profile.name, "--json")
    assert first.code == 0, first.err
    line = first.document["reproduce"].replace("poolsize", f"{sys.executable} -m poolsize", 1)
    again = poolsize.run(["bash", "-c", line])
    assert decided(again.document) == decided(first.document)
