"""stdout carries the product and stderr the rest, whoever holds their other ends, and however wide it is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.cli.terminal import Terminal
from tests.servers import PASSWORD, PostgresServer

ANSWER = ("recommend", "--workers", "4", "--max-connections", "100", "--no-save")
SCHEMA = ("schema", "recommend")
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


def in_a_shell(poolsize: Program, line: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`line` with poolsize and its arguments as "$@"."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line, "bash", sys.executable, "-m", "poolsize", *arguments],
        capture_output=True, text=True, env=poolsize.environment, cwd=poolsize.folder, timeout=60, check=False,
    )  # fmt: skip


@posix
@pytest.mark.parametrize("arguments", [SCHEMA, ANSWER, (*ANSWER, "--json"), ("recommend", "--help"), ("--help",)])
def test_a_reader_that_goes_away_ends_it_without_a_word(arguments: tuple[str, ...], poolsize: Program) -> None:
    for unbuffered in ("", "1"):
        poolsize.environment["PYTHONUNBUFFERED"] = unbuffered
        done = in_a_shell(poolsize, '"$@" | true', *arguments)
        assert (done.returncode, done.stderr) == (141, "")


@posix
def test_a_failure_that_nobody_reads_is_no_traceback(poolsize: Program) -> None:
    done = in_a_shell(poolsize, '"$@" 2>&1 | true', "probe", "nonsense", "--json")
    assert (done.returncode, done.stderr) == (141, "")


@posix
@pytest.mark.parametrize("arguments", [SCHEMA, ANSWER, (*ANSWER, "--json"), ("--help",), ("probe", "--x", "--json")])
def test_a_full_disk_is_one_sentence(arguments: tuple[str, ...], poolsize: Program) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = in_a_shell(poolsize, '"$@" >/dev/full', *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "The output cannot be written: No space left on device."
    assert "Traceback" not in done.stderr


@posix
def test_a_closed_stream_is_nobodys_failure(poolsize: Program) -> None:
    for line, code in (('"$@" >&-', 0), ('"$@" 2>&-', 0), ('"$@" <&-', 0), ('"$@" >&- 2>&- <&-', 0)):
        done = in_a_shell(poolsize, line, "recommend", "--workers", "4", "--json")
        assert (done.returncode, done.stderr) == (code, "")
        assert (">" not in line) == ("verdict" in done.stdout) or "2>&-" in line
    done = in_a_shell(poolsize, '"$@" 2>&-', "probe", "nonsense", "--json")
    assert done.returncode == 2
    assert done.stdout.startswith("{")  # the sentence of stderr does not come to stdout instead
    assert "nonsense" not in done.stdout


def test_what_is_piped_is_utf8_and_what_a_terminal_cannot_show_a_question_mark(poolsize: Program) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert "× 4 processes ×" in poolsize(*ANSWER, variables=plain).out
    assert "? 4 processes ?" in poolsize(*ANSWER, variables={"PYTHONIOENCODING": "ascii"}).out
    document = poolsize(*ANSWER, "--json", variables=plain).document
    assert "×" in document["worst_case_sum"]


def test_without_a_terminal_there_are_80_columns_no_colours_and_no_blanks_at_the_end(poolsize: Program) -> None:
    for arguments in (ANSWER, (*ANSWER, "--explain"), ("probe", "sqlite://"), ("history",)):
        done = poolsize(*arguments)
        assert done.code == 0
        assert "\x1b" not in done.out
        lines = done.out.splitlines()
        assert max(map(len, lines)) <= 80
        assert [line for line in lines if line != line.rstrip()] == []
    assert max(map(len, poolsize(*ANSWER, variables={"COLUMNS": "120"}).out.splitlines())) > 80


@posix
def test_a_terminal_gets_colours_unless_it_is_asked_not_to(poolsize: Program) -> None:
    coloured = Terminal(poolsize, *ANSWER).end()
    plain = Terminal(poolsize, *ANSWER, variables={"NO_COLOR": "1"}).end()
    assert coloured.code == plain.code == 0
    assert re.search(r"\x1b\[[\d;]*32m", coloured.out)  # green: it fits
    assert not re.search(r"\x1b\[[\d;]*3\dm", plain.out)
    without = re.sub(r"\x1b\[[\d;]*m", "", coloured.out)
    assert [line.rstrip() for line in without.splitlines()] == poolsize(*ANSWER).out.splitlines()


@posix
def test_a_terminal_of_80_by_24_shows_all_of_an_ordinary_answer(poolsize: Program) -> None:
    load = ("--rate", "80", "--hold", "20ms")
    for arguments in (
        ("--max-connections", "100"),
        ("--max-connections", "100", *load, "--current", "default"),
        ("--max-connections", "60", "--instances", "6", "--rate", "2400", "--hold", "20ms", "--current", "default"),
        ("--max-connections", "100", "--worker-type", "fastapi-sync", *load, "--current", "default"),
        ("sqlite://", *load, "--current", "default"),
    ):
        done = Terminal(poolsize, "recommend", "--workers", "4", *arguments).end()
        assert done.code in (0, 3)
        _, _, answer = done.out.rpartition("\x1b[2K")  # which takes the last of the progress off the screen
        assert len(answer.splitlines()) <= 24, answer


@posix
def test_a_terminal_sees_how_far_a_probe_is(postgres15: PostgresServer, poolsize: Program) -> None:
    terminal = Terminal(poolsize, "probe", postgres15.dsn("scram", password=PASSWORD))
    terminal.wait_for("of at most 100")
    done = terminal.end()
    assert done.code == 0
    assert "PostgreSQL 1" in done.out


def test_a_probe_says_beforehand_how_many_logins_the_log_will_show(
    postgres15: PostgresServer, poolsize: Program
) -> None:
    dsn = postgres15.dsn("scram", password=PASSWORD, sslmode="disable")

    def count() -> int:
        return postgres15.log.read_text().count("connection authorized: user=scram")

    for options, expected in (((), 109), (("--samples", "12", "--burst", "0"), 16)):
        before = count()
        done = poolsize("probe", dsn, *options)
        said = re.match(r"Opens at most (\d+) connections, one at a time( but for 5 at once)?; ", done.err)
        assert said is not None
        assert int(said[1]) == expected
        assert (said[2] is None) == bool(options)
        assert 0 < count() - before <= expected
        assert done.err.count("\n") == 1  # and nothing of a bar


@posix
def test_a_sentence_is_broken_between_words_for_a_terminal_alone(closed_port: int, poolsize: Program) -> None:
    dsn = f"postgresql://app@127.0.0.1:{closed_port}/app"
    plain = poolsize("probe", dsn).err.splitlines()
    assert len(plain) == 2
    assert len(plain[0]) > 80
    shown = Terminal(poolsize, "probe", dsn).end().out.replace("\x1b[?25l", "").replace("\x1b[?25h", "")
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown).split("\n")]
    first = lines[: next(number for number, line in enumerate(lines) if line.endswith(".")) + 1]
    assert len(first) == 2
    assert " ".join(first) == plain[0]
    assert max(map(len, first)) <= 80
