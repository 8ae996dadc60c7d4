"""Profiles: workloads for when nothing is known, one TOML file each, with a reason for each number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec import Meta

from poolsize.choices import not_one_of
from poolsize.datatypes import Quantity, Value
from poolsize.errors import FileError, UsageError
from poolsize.workers import WORKER_TYPES, WorkerType, worker_type

DEFAULT_PROFILE: Final = "web-oltp"
"""What most pools serve."""

T = TypeVar("T")

# Beyond a day, a million a second and a thousand a unit was mistaken: milliseconds written as seconds, say.
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]
_PerSecond = Annotated[float, Meta(gt=0, le=1_000_000)]
_Scv = Annotated[float, Meta(ge=0, le=1_000)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Text = Annotated[str, Meta(min_length=1)]


class Assumption(Value, Generic[T], frozen=True, forbid_unknown_fields=True):
    """A value that nobody measured, and why it is a fair one."""

    value: T
    reason: _Text
    source: str = ""
    """Where the reason's facts come from, if they come from anywhere."""


class Profile(Value, frozen=True, forbid_unknown_fields=True):
    """A workload as assumed, for one process. Seconds."""

    name: str
    title: _Text
    description: _Text
    worker_type: Assumption[_Text]
    """A name in WORKER_TYPES."""
    rate_per_process_per_s: Assumption[_PerSecond]
    """Checkouts per second of one process at peak."""
    hold_s: Assumption[_Seconds]
    """Mean time that one checkout holds a connection."""
    hold_scv: Assumption[_Scv]
    threads: Assumption[_Count] | None = None
    """None: the worker type's own."""
    p99_wait_s: Assumption[_Seconds] | None = None
    """None: the goal follows from the hold."""

    @property
    def worker(self) -> WorkerType:
        return WORKER_TYPES[self.worker_type.value]

    @property
    def offered_load(self) -> float:
        """Connections that one process holds on average when none has to wait, erlangs."""
        return self.rate_per_process_per_s.value * self.hold_s.value

    def threads_per_process(self, processes: int) -> int | None:
        """Requests that one process works on at once, in an instance of `processes` >= 1; None: no bound."""
        return self.threads.value if self.threads else self.worker.threads_per_process(processes)

    def assumed(self, assumption: Assumption[float]) -> Quantity:
        """One of this profile's numbers, as the report carries it."""
        return Quantity(value=assumption.value, origin="assumed", source=f"profile {self.name}")


def _folder() -> Path:
    """Inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "_profiles"
    return installed if installed.is_dir() else package.parent / "profiles"


PROFILES: Final = tuple(sorted(path.stem for path in _folder().glob("*.toml")))
"""The names that `--profile` takes, besides the path of a file."""


def profile(name: str) -> Profile:
    """The profile of that name in PROFILES, or in the file of that path where it ends in `.toml`.

    Raises UsageError for an unknown name or worker type and for values that no workload can have, FileError for a
    file that cannot be read.
    """
    if name.endswith(".toml"):
        return _read(Path(name))
    if name not in PROFILES:
        raise not_one_of("profile", name, PROFILES)
    return _read(_folder() / f"{name}.toml")


def _read(path: Path) -> Profile:
    found = _convert(path, _load(path))
    try:
        worker_type(found.worker_type.value)
    except UsageError as error:
        raise UsageError(f"The profile {path} cannot be used: {error.message}") from None
    threads = found.threads_per_process(1)
    if threads is not None and found.offered_load >= threads:
        raise UsageError(
            f"The profile {path} cannot be used: rate_per_process_per_s × hold_s keeps {found.offered_load:g} "
            f"connections busy, and {threads} threads cannot hold more than {threads} with no time between."
        )
    return found


def _load(path: Path) -> dict[str, Any]:
    import tomllib  # here: only a command that uses a profile needs the parser, `--help` needs the names alone

    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise FileError(f"The profile {path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:  # not TOML, or not even UTF-8
        raise FileError(f"The profile {path} is not a TOML file: {error}.") from None


def _convert(path: Path, data: dict[str, Any]) -> Profile:
    if "name" in data:
        raise UsageError(f"The profile {path} cannot be used: its name is that of the file, so it has no key `name`.")
    try:
        return msgspec.convert({**data, "name": path.stem}, Profile)
    except msgspec.ValidationError as error:
        raise UsageError(f"The profile {path} cannot be used: {_in_words(str(error))}.") from None


def _in_words(message: str) -> str:
    """msgspec's message, with its terms replaced by those of the file."""
    what, _, where = message.partition(" - at `$.")
    what = what.replace("Object missing required field", "there is no").replace(
        "Object contains unknown field", "there should be no"
    )
    what = what.replace("`object | null`", "`object`").replace("`object`", "a table with `value` and `reason`")
    what = what.replace("Expected", "expected").replace("`float`", "a number").replace("`int`", "a whole number")
    what = what.replace("`str`", "a text").replace("`bool`", "true or false")
    key = where.rstrip("`")
    return f"at `{key}`, {what}" if key else what
