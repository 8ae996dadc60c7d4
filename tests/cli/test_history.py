"""Commands in a row know of each other by the history, and none of them fails for want of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.cli.program import Program
from tests.servers import PASSWORD, PostgresServer

FEW = ("--samples", "10", "--burst", "0")
ANSWER = ("recommend", "--workers", "4", "--max-connections", "100")
# Root may write anywhere but to these: what is no folder, and what the kernel keeps.
UNWRITABLE = {"a file in the way": "{folder}/file/history.db", "a folder that is not there": "{folder}/no/history.db"}


@pytest.fixture
def dsn(postgres15: PostgresServer) -> str:
    return postgres15.dsn("scram", password=PASSWORD, sslmode="disable")


def test_probe_recommend_and_export_in_a_row(dsn: str, poolsize: Program) -> None:
    probed = poolsize("probe", dsn, *FEW)
    assert probed.out.splitlines()[-1] == "Next: poolsize recommend --workers 4, or poolsize history"
    answer = poolsize("recommend", "--workers", "4")
    assert answer.out.splitlines()[-1].startswith("Next: poolsize export sqlalchemy")
    assert (answer.code, answer.err) == (0, "")
    exported = poolsize("export", "django")
    assert (exported.code, exported.err) == (0, "")
    assert "Measured: connect cost" in exported.out
    place = dsn.rpartition("@")[2].partition("?")[0]
    assert f"probe of {place}, just now" in " ".join(exported.out.replace("#", " ").split())


def test_the_text_of_a_query_is_shown_where_that_is_asked_for_and_never_kept(dsn: str, poolsize: Program) -> None:
    with psycopg.connect(dsn, application_name="ledger") as session:
        session.execute("SELECT 'the IBAN of a customer'")
        shown = poolsize("probe", dsn, *FEW, "--show-queries", "--json")
    groups = {group["application"]: group for group in shown.document["sessions"]}
    assert groups["ledger"]["queries"] == ["SELECT 'the IBAN of a customer'"]
    kept = b"".join(file.read_bytes() for file in poolsize.folder.iterdir())
    assert b"ledger" in kept
    assert b"IBAN" not in kept


def test_the_history_lists_newest_first_what_changed(dsn: str, postgres15: PostgresServer, poolsize: Program) -> None:
    nothing = poolsize("history", variables={"COLUMNS": "300"}).out
    assert nothing == f"Nothing is stored yet in {poolsize.environment['POOLSIZE_STORE']}.\n"
    assert poolsize("probe", dsn, *FEW).code == 0
    postgres15.run("ALTER ROLE scram CONNECTION LIMIT 20")
    try:
        assert poolsize("probe", dsn, *FEW).code == 0
    finally:
        postgres15.run("ALTER ROLE scram CONNECTION LIMIT -1")
    for rate in ("80", "400"):
        assert poolsize("recommend", "--workers", "4", "--rate", rate, "--hold", "20ms").code == 0
    lines = poolsize("history").out.splitlines()
    heads = [line for line in lines if " UTC  " in line]
    assert [line.split()[0] for line in heads] == ["4", "3", "2", "1"]
    assert [line.split()[4] for line in heads] == ["recommend", "recommend", "probe", "probe"]
    assert any("usable 37 → 20" in line for line in lines)
    assert any("rate_per_s 80/s → 400/s, " in line for line in lines)
    assert any("poolsize recommend --workers 4 --rate 400 --hold 20ms" in line for line in lines)
    assert max(map(len, lines)) <= 80
    (newest,) = poolsize("history", "--limit", "1", "--json").document["entries"]
    assert newest["id"] == 4
    assert any(change.startswith("pool_size ") for change in newest["changes"])
    assert newest["reproduce"] == "poolsize recommend --workers 4 --rate 400 --hold 20ms"


def test_nothing_is_kept_where_that_is_asked_for(dsn: str, poolsize: Program) -> None:
    assert poolsize("probe", dsn, *FEW, "--no-save").code == 0
    assert poolsize("recommend", dsn, "--workers", "4", "--no-save").code == 0
    assert not poolsize.history.exists()
    assert poolsize("export", "django").code == 2


@pytest.mark.parametrize("name", UNWRITABLE)
def test_a_history_that_cannot_be_used_is_one_note(name: str, dsn: str, poolsize: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = {"POOLSIZE_STORE": f"sqlite:///{UNWRITABLE[name].format(folder=tmp_path.as_posix())}"}
    for arguments in (("recommend", "--workers", "4"), ("probe", dsn, *FEW), ("recommend", dsn, "--workers", "4")):
        done = poolsize(*arguments, variables=store)
        assert done.code == 0
        assert done.sentence.startswith("The history is not used: ")
        assert done.out
    for command in ("history", "export"):
        done = poolsize(command, *(["django"] if command == "export" else []), "--json", variables=store)
        assert done.code == 1
        assert done.document["error"]["code"] == "file"


def test_a_history_that_is_read_only_is_read_and_one_note(dsn: str, poolsize: Program) -> None:
    assert poolsize("probe", dsn, *FEW).code == 0
    store = {"POOLSIZE_STORE": f"sqlite:///file:{poolsize.history.as_posix()}?mode=ro&uri=true"}
    done = poolsize("recommend", "--workers", "4", variables=store)
    assert done.code == 0
    assert "probe of 127.0.0.1" in done.out
    assert done.sentence.startswith("The history is not used: ")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the state folder follows other variables")
def test_the_default_is_a_file_in_the_state_folder_and_its_want_one_note(poolsize: Program, tmp_path: Path) -> None:
    home = {"POOLSIZE_STORE": "", "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    assert poolsize(*ANSWER, variables=home).err == ""
    (kept,) = (tmp_path / "state").rglob("*.db")
    assert kept.parent.stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    done = poolsize("recommend", "--workers", "4", variables=home | {"XDG_STATE_HOME": str(tmp_path / "file")})
    assert done.code == 0
    assert done.sentence.startswith("The history is not used: The history folder ")


def test_many_at_once_all_come_into_the_history(poolsize: Program) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "poolsize", *ANSWER, "--rate", str(10 + number), "--hold", "20ms"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=poolsize.environment,
        )
        for number in range(6)
    ]  # fmt: skip
    assert [(one.communicate(timeout=60)[1], one.returncode) for one in running] == [(b"", 0)] * 6
    assert len(poolsize("history", "--json").document["entries"]) == 6
