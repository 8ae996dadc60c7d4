"""The command for a missing extra is the one that adds it: each is made for a real installation, and then run.

The installed project is a small one of the same name with the real `poolsize/installation.py` in it, whose extras
need small drivers of the tests' own, so that no index is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

import poolsize.installation

VERSION = "0.1"
BACKEND = """
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from packing import pack

def build_wheel(folder, config_settings=None, metadata_directory=None):
    return pack(pathlib.Path(folder), pathlib.Path(__file__).parent)

def build_editable(folder, config_settings=None, metadata_directory=None):
    return pack(pathlib.Path(folder), pathlib.Path(__file__).parent, is_editable=True)
"""
PACKING = """
import zipfile

def pack(folder, clone, is_editable=False):
    name = "poolsize-0.1-py3-none-any.whl"
    extras = ["Provides-Extra: mysql", 'Requires-Dist: tiny-mysql; extra == "mysql"',
              "Provides-Extra: postgresql", 'Requires-Dist: tiny-postgresql; extra == "postgresql"']
    with zipfile.ZipFile(folder / name, "w") as wheel:
        if is_editable:
            wheel.writestr("poolsize.pth", str(clone))
        else:
            for file in (clone / "poolsize").glob("*.py"):
                wheel.write(file, f"poolsize/{file.name}")
        write_about(wheel, "poolsize", extras)
    return name

def write_about(wheel, name, extras=()):
    about = f"{name.replace('-', '_')}-0.1.dist-info"
    wheel.writestr(f"{about}/METADATA", "\\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 0.1", *extras]))
    wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{about}/RECORD", "")
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "poolsize"
version = "0.1"
[project.optional-dependencies]
mysql = ["tiny-mysql"]
postgresql = ["tiny-postgresql"]
"""


class Material(NamedTuple):
    """What is installed from."""

    clone: Path
    """A folder with a space and a dollar in its name, and a git repository."""
    wheels: Path
    """The wheels of the project and of its two drivers."""

    @property
    def wheel(self) -> Path:
        return self.wheels / f"poolsize-{VERSION}-py3-none-any.whl"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("installation")
    clone, wheels = folder / "a $clone", folder / "wheels"
    (clone / "poolsize").mkdir(parents=True)
    wheels.mkdir()
    shutil.copy(poolsize.installation.__file__, clone / "poolsize")
    (clone / "poolsize" / "__init__.py").touch()
    for name, text in (("backend.py", BACKEND), ("packing.py", PACKING), ("pyproject.toml", PROJECT)):
        (clone / name).write_text(text)
    packing = (
        "import sys, zipfile, pathlib; sys.path.insert(0, sys.argv[1]); from packing import *\n"
        + textwrap.dedent(
            """
        wheels = pathlib.Path(sys.argv[2])
        pack(wheels, pathlib.Path(sys.argv[1]))
        for name in ("tiny_mysql", "tiny_postgresql"):
            with zipfile.ZipFile(wheels / f"{name}-0.1-py3-none-any.whl", "w") as wheel:
                wheel.writestr(f"{name}.py", "")
                write_about(wheel, name.replace("_", "-"))
        """
        )
    )
    subprocess.run([sys.executable, "-c", packing, clone, wheels], check=True)
    git = ["git", "-C", str(clone), "-c", "user.name=t", "-c", "user.email=t@example.com"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "A project"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return Material(clone, wheels)


class Environment(NamedTuple):
    """A virtual environment, and the material that pip installs into it."""

    folder: Path
    material: Material

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    @property
    def packages(self) -> Path:
        base = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("purelib", "venv", vars=base))

    def surroundings(self, *, is_active: bool) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "VIRTUAL_ENV"))}
        path = os.environ["PATH"].split(os.pathsep)
        others = [part for part in path if not Path(part).is_relative_to(sys.prefix)]
        if is_active:
            own["VIRTUAL_ENV"] = str(self.folder)
            others.insert(0, str(self.programs))
        return own | {
            "PATH": os.pathsep.join(others),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(self.material.wheels),
        }

    def pip(self, *arguments: str) -> None:
        """Install, whatever was there before, and without the drivers."""
        for path in self.packages.glob("tiny_*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        subprocess.run(
            [self.programs / "python", "-m", "pip", "--quiet", "install", "--force-reinstall", *arguments],
            check=True,
            env=self.surroundings(is_active=True),
        )

    def command(self, *, is_active: bool = True) -> str:
        """What poolsize says in there."""
        ask = "from poolsize.installation import install_command; print(install_command('postgresql'))"
        done = subprocess.run(
            [self.programs / "python", "-c", ask],
            check=True,
            capture_output=True,
            text=True,
            env=self.surroundings(is_active=is_active),
        )
        return done.stdout.strip()

    def obey(self, command: str, *, is_active: bool = True) -> None:
        """Type the command into a shell; the driver is there afterwards."""
        inside = self.surroundings(is_active=is_active)
        subprocess.run(command, shell=True, check=True, env=inside, capture_output=True)  # noqa: S602 - as a user does
        subprocess.run([self.programs / "python", "-c", "import tiny_postgresql, poolsize"], check=True)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, material: Material) -> Environment:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=True, symlinks=os.name == "posix")
    return Environment(folder, material)


def test_installed_by_name_with_pip(environment: Environment) -> None:
    environment.pip("poolsize")
    assert environment.command() == 'pip install "poolsize[postgresql]"'
    environment.obey(environment.command())


def test_an_environment_that_is_not_active_is_named_by_its_python(environment: Environment) -> None:
    environment.pip("poolsize")
    command = environment.command(is_active=False)
    assert command == f'"{environment.programs / "python"}" -m pip install "poolsize[postgresql]"'
    environment.obey(command, is_active=False)


def test_installed_from_a_clone(environment: Environment) -> None:
    environment.pip(str(environment.material.clone))
    path = str(environment.material.clone).replace("$", r"\$")
    assert environment.command() == f'pip install "{path}[postgresql]"'
    environment.obey(environment.command())


def test_an_editable_installation_stays_editable(environment: Environment) -> None:
    environment.pip("--editable", str(environment.material.clone))
    path = str(environment.material.clone).replace("$", r"\$")
    assert environment.command() == f'pip install -e "{path}[postgresql]"'
    environment.obey(environment.command())
    assert not (environment.packages / "poolsize").exists()


def test_installed_from_a_wheels_file(environment: Environment) -> None:
    environment.pip(str(environment.material.wheel))
    assert environment.command() == f'pip install "poolsize[postgresql] @ {environment.material.wheel.as_uri()}"'
    environment.obey(environment.command())


def test_installed_from_git(environment: Environment) -> None:
    url = f"git+{environment.material.clone.as_uri().replace('file://', 'file://localhost')}"
    environment.pip(f"poolsize @ {url}")
    command = environment.command()
    assert command.startswith(f'pip install "poolsize[postgresql] @ {url}@')
    environment.obey(command)


# What pipx 1.18 and uv 0.13 write beside an installation of `.[mysql]`, as far as it is read.
PIPX = {"pipx_metadata.json": '{"main_package": {"package": "poolsize", "package_or_url": "/src/poolsize[mysql]"}}'}
PIPX_BY_NAME = {"pipx_metadata.json": '{"main_package": {"package": "poolsize", "package_or_url": "poolsize"}}'}
UV = {
    "uv-receipt.toml": '[tool]\nrequirements = [{ name = "poolsize", extras = ["mysql"], directory = "/src/poolsize" }]'
}
UV_BY_NAME = {"uv-receipt.toml": '[tool]\nrequirements = [{ name = "poolsize" }]'}


def recorded(
    folder: Path, material: Material, direct: dict[str, object] | None, files: dict[str, str] | None = None
) -> str:
    """What poolsize says in an environment without pip at `folder`, with these records in it."""
    venv.create(folder, with_pip=False, symlinks=os.name == "posix")
    environment = Environment(folder, material)
    with zipfile.ZipFile(material.wheel) as wheel:
        wheel.extractall(environment.packages)
    if direct is not None:
        about = environment.packages / f"poolsize-{VERSION}.dist-info" / "direct_url.json"
        about.write_text(json.dumps(direct))
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    return environment.command(is_active=False)


def test_pipx_installs_again_with_the_extras_that_were_there(tmp_path: Path, material: Material) -> None:
    direct: dict[str, object] = {"url": tmp_path.as_uri(), "dir_info": {}}
    folder = tmp_path / "venvs" / "poolsize"
    command = recorded(folder, material, direct, PIPX)
    assert command == f'pipx install --force "{tmp_path}[mysql,postgresql]"'
    command = recorded(folder, material, direct | {"dir_info": {"editable": True}})
    assert command == f'pipx install --force --editable "{tmp_path}[mysql,postgresql]"'


def test_pipx_by_name_and_pipx_run(tmp_path: Path, material: Material) -> None:
    command = recorded(tmp_path / "venvs" / "poolsize", material, None, PIPX_BY_NAME)
    assert command == 'pipx install --force "poolsize[postgresql]"'
    command = recorded(tmp_path / ".cache" / "2e8fcb1a35c1503", material, None, PIPX_BY_NAME)
    assert command == 'pipx run --spec "poolsize[postgresql]" poolsize'


def test_uv_tool_installs_again_with_the_extras_that_were_there(tmp_path: Path, material: Material) -> None:
    direct: dict[str, object] = {"url": tmp_path.as_uri(), "dir_info": {}}
    command = recorded(tmp_path / "poolsize", material, direct, UV)
    assert command == f'uv tool install "{tmp_path}[mysql,postgresql]"'
    command = recorded(tmp_path / "by-name", material, None, UV_BY_NAME)
    assert command == 'uv tool install "poolsize[postgresql]"'


def test_uvx_is_run_again_with_the_extra(tmp_path: Path, material: Material) -> None:
    command = recorded(tmp_path / "archive-v0" / "Hlab5V7zkzzZgooW", material, None)
    assert command == 'uvx --from "poolsize[postgresql]" poolsize'


def test_an_environment_of_uv_has_no_pip(tmp_path: Path, material: Material) -> None:
    command = recorded(tmp_path / "uv", material, None)
    assert command == f'uv pip install --python "{tmp_path / "uv" / "bin" / "python"}" "poolsize[postgresql]"'


def test_a_clone_or_file_that_is_gone_is_not_named(tmp_path: Path, material: Material) -> None:
    for about in ("dir_info", "archive_info"):
        direct: dict[str, object] = {"url": (tmp_path / "gone").as_uri(), about: {}}
        assert recorded(tmp_path / about, material, direct).endswith('"poolsize[postgresql]"')


def test_a_login_in_a_recorded_url_is_not_shown(tmp_path: Path, material: Material) -> None:
    vcs = {"vcs": "git", "commit_id": "0f1e", "requested_revision": "main"}
    direct: dict[str, object] = {"url": "https://user:s3cret@git.example.com/poolsize.git", "vcs_info": vcs}
    command = recorded(tmp_path / "https", material, direct)
    assert command.endswith('"poolsize[postgresql] @ git+https://git.example.com/poolsize.git@main"')
    direct = {"url": "ssh://git@git.example.com/poolsize.git", "vcs_info": vcs}
    assert "git+ssh://git@git.example.com/" in recorded(tmp_path / "ssh", material, direct)
