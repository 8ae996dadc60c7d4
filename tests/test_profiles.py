"""The shipped profiles, a user's own, and where both are found."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from statistics import NormalDist

import msgspec
import pytest

from poolsize.datatypes import Quantity
from poolsize.errors import FileError, UsageError
from poolsize.profiles import DEFAULT_PROFILE, PROFILES, Assumption, Profile, profile

ROOT = Path(__file__).parent.parent
WEB = (ROOT / "profiles" / "web-oltp.toml").read_text(encoding="utf-8")
EVERY = pytest.mark.parametrize("found", [profile(name) for name in PROFILES], ids=PROFILES)


def reasons(found: Profile) -> list[str]:
    every = (
        found.worker_type,
        found.rate_per_process_per_s,
        found.hold_s,
        found.hold_scv,
        found.threads,
        found.p99_wait_s,
    )
    return [assumption.reason for assumption in every if assumption]


def test_the_profiles_are_those_of_the_folder() -> None:
    assert PROFILES == ("async-api", "background-jobs", "reporting", "serverless", "web-oltp")
    assert DEFAULT_PROFILE in PROFILES


@EVERY
def test_each_value_has_a_reason(found: Profile) -> None:
    assert found.title
    assert found.description.endswith(".")
    for reason in reasons(found):
        assert reason.endswith(".")
        assert len(reason.split()) > 5


@EVERY
def test_the_load_leaves_the_threads_time_between_two_checkouts(found: Profile) -> None:
    threads = found.threads_per_process(1)
    assert 0.05 <= found.offered_load <= 2
    if threads is not None:
        assert found.offered_load <= threads / 2
        assert threads / found.rate_per_process_per_s.value - found.hold_s.value > 0


@EVERY
def test_the_sum_at_the_top_of_the_file_is_the_files_own(found: Profile) -> None:
    first = (ROOT / "profiles" / f"{found.name}.toml").read_text(encoding="utf-8").splitlines()[0]
    match = re.match(r"# (\S+)/s x (\S+) s: ", first)
    assert match
    assert (float(match[1]), float(match[2])) == (found.rate_per_process_per_s.value, found.hold_s.value)


@EVERY
def test_the_variation_is_that_of_the_lognormal_in_its_reason(found: Profile) -> None:
    stated = {"three times": 3.0, "3.6 times": 3.6}
    ratio = next(value for words, value in stated.items() if words in found.hold_scv.reason)
    sigma = math.sqrt(math.log(1 + found.hold_scv.value))
    assert math.exp(NormalDist().inv_cdf(0.95) * sigma - sigma**2 / 2) == pytest.approx(ratio, rel=0.02)


def test_a_number_of_a_profile_is_assumed_and_says_by_which() -> None:
    found = profile("web-oltp")
    assert found.assumed(found.hold_s) == Quantity(value=0.02, origin="assumed", source="profile web-oltp")


def test_an_unknown_profile_is_one_sentence_with_the_choices_and_the_likely_one() -> None:
    with pytest.raises(UsageError) as caught:
        profile("web-olpt")
    assert caught.value.message == (
        "The profile 'web-olpt' is not one of async-api, background-jobs, reporting, serverless, web-oltp; "
        "did you mean web-oltp?"
    )


def test_a_users_own_file_is_a_profile_with_the_files_name(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(f'{WEB}\n[threads]\nvalue = 4\nreason = "As we run it."\n', encoding="utf-8")
    found = profile(str(own))
    assert found == msgspec.structs.replace(
        profile("web-oltp"), name="mine", threads=Assumption(value=4, reason="As we run it.")
    )
    assert found.threads_per_process(2) == 4


def test_without_threads_of_its_own_a_profile_has_its_worker_types(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(WEB.replace("gunicorn-gthread", "granian-wsgi"), encoding="utf-8")
    assert profile(str(own)).threads_per_process(4) == 128


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("value = 0.02", 'value = "20ms"', "at `hold_s.value`, expected a number, got a text."),
        ("value = 0.02", "value = 0", "at `hold_s.value`, expected a number > 0.0."),
        ("value = 0.02", "value = nan", "at `hold_s.value`, expected a number > 0.0."),
        ("value = 0.02", "value = inf", "at `hold_s.value`, expected a number <= 86400.0."),
        ("value = 0.02", "value = true", "at `hold_s.value`, expected a number, got true or false."),
        ("value = 1.4", "value = -1", "at `hold_scv.value`, expected a number >= 0.0."),
        ("[hold_s]", "[hold_ms]", "there should be no `hold_ms`."),
        ("[hold_s]\nvalue = 0.02", "[hold_s]", "at `hold_s`, there is no `value`."),
        ('title = "Web application"', "", "there is no `title`."),
        ('title = "Web application"', 'title = ""', "at `title`, expected a text of length >= 1."),
        ('title = "Web application"', 'name = "x"', "its name is that of the file, so it has no key `name`."),
        (
            'title = "Web application"',
            "title = 'x'\nthreads = 4",
            "at `threads`, expected a table with `value` and `reason`, got a whole number.",
        ),
        (
            'title = "Web application"',
            "title = 'x'\nthreads.value = 2.5\nthreads.reason = 'x'",
            "at `threads.value`, expected a whole number, got a number.",
        ),
        (
            "value = 25\n",
            "value = 1000\n",
            "rate_per_process_per_s × hold_s keeps 20 connections busy, and 8 threads cannot hold more than 8 "
            "with no time between.",
        ),
    ],
)
def test_what_is_wrong_with_a_users_file_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert WEB.count(old) == 1
    own = tmp_path / "mine.toml"
    own.write_text(WEB.replace(old, new), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        profile(str(own))
    assert caught.value.message == f"The profile {own} cannot be used: {sentence}"


def test_a_profile_with_an_unknown_worker_type_names_the_file_and_the_likely_one(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(WEB.replace("gunicorn-gthread", "gunicorn-thread"), encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.toml cannot be used: .* did you mean gunicorn-gthread\?$"):
        profile(str(own))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"hold_s ==", "is not a TOML file: "), (b'title = "\xff"', "is not a TOML file: "), (None, "cannot be read: ")],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    own = tmp_path / "mine.toml"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(FileError) as caught:
        profile(str(own))
    assert caught.value.message.startswith(f"The profile {own} {sentence}")


def test_a_wheel_has_the_profiles_inside_the_package(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("poolsize-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import poolsize.profiles as p; "
        "print(p.__file__, *p.PROFILES, p.profile(p.DEFAULT_PROFILE).title, sep='|')"
    )
    installed = str(tmp_path / "installed")
    done = subprocess.run(
        [sys.executable, "-c", program, installed], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    where, *rest = done.stdout.strip().split("|")
    assert where.startswith(installed)
    assert tuple(rest) == (*PROFILES, "Web application")


def test_a_profile_and_limits_load_without_the_heavy_packages() -> None:
    program = (
        "import sys; from poolsize.profiles import profile; from poolsize.providers import stated_facts; "
        "profile('web-oltp'); stated_facts(100); "
        "print([name for name in ('numpy', 'scipy', 'sqlalchemy', 'psutil', 'difflib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
