"""How this poolsize was installed, so that a missing extra can be named by the exact command that adds it."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tomllib
from importlib import metadata, util
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit


def install_command(extra: str) -> str:
    """The command that adds `extra` to this installation: pip's, pipx's or uv's, with its argument in double quotes.

    A tool that replaces an environment (pipx, uv tool) is given the extras that are in it already as well, so
    that none of them is lost. An environment made for one run only (uvx, pipx run) gets the command to run.
    """
    prefix = Path(sys.prefix)
    source = _source(_direct_url())
    if (prefix / "pipx_metadata.json").exists():
        requirement = source.requirement(extra, *_pipx_extras(prefix / "pipx_metadata.json"))
        if prefix.parent.name != "venvs":
            return f"pipx run --spec {requirement} poolsize"
        return f"pipx install --force {source.flag('--editable')}{requirement}"
    if (prefix / "uv-receipt.toml").exists():
        requirement = source.requirement(extra, *_uv_extras(prefix / "uv-receipt.toml"))
        return f"uv tool install {source.flag('--editable')}{requirement}"
    if prefix.parent.name.startswith(("archive-v", "environments-v")):  # folders of uv's cache
        return f"uvx --from {source.requirement(extra)} poolsize"
    return f"{_pip()} {source.flag('-e')}{source.requirement(extra)}"


class _Source(NamedTuple):
    """Where this poolsize came from: at most one of a folder and a URL; an index when neither."""

    folder: Path | None = None
    url: str | None = None
    is_editable: bool = False

    def requirement(self, *extras: str) -> str:
        names = f"[{','.join(sorted(set(extras)))}]"
        if self.folder is not None:
            return _quoted(f"{self.folder}{names}")
        return _quoted(f"poolsize{names} @ {self.url}" if self.url else f"poolsize{names}")

    def flag(self, editable: str) -> str:
        return f"{editable} " if self.is_editable else ""


def _direct_url() -> dict[str, Any]:
    """What the installer noted (PEP 610); empty after an installation by name, or where nothing is installed."""
    try:
        text = metadata.distribution("poolsize").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    return json.loads(text) if text else {}


def _source(direct: dict[str, Any]) -> _Source:
    """A folder or file that is gone cannot be installed from again: then the name alone."""
    if not direct:
        return _Source()
    parts = urlsplit(direct["url"])
    path = _path(direct["url"]) if parts.scheme == "file" else None
    if "vcs_info" in direct:
        vcs = direct["vcs_info"]
        revision = vcs.get("requested_revision") or vcs["commit_id"]
        return _Source(url=f"{vcs['vcs']}+{_without_login(direct['url'])}@{revision}")
    if path is not None and not path.exists():
        return _Source()
    if path is not None and "dir_info" in direct:
        return _Source(folder=path, is_editable=bool(direct["dir_info"].get("editable")))
    return _Source(url=_without_login(direct["url"]))


def _path(url: str) -> Path:
    path = unquote(urlsplit(url).path)
    return Path(path.lstrip("/")) if re.match(r"/[A-Za-z]:", path) else Path(path)  # file:///C:/clone


def _without_login(url: str) -> str:
    """The recorded URL as a requirement takes it. PEP 610 keeps a user and password out of the record, which is not
    left to every installer; pip records a path with its blanks decoded."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = "git@" if parts.netloc == f"git@{host}" else ""  # the user of every git server, no secret
    return urlunsplit(parts._replace(netloc=f"{login}{host}", path=quote(parts.path, safe="/%@:+~")))


def _pipx_extras(file: Path) -> list[str]:
    given = json.loads(file.read_text(encoding="utf-8"))["main_package"]["package_or_url"] or ""
    found = re.search(r"\[([\w\s,.-]+)\]\s*($|@)", given)
    return [name.strip() for name in found[1].split(",")] if found else []


def _uv_extras(file: Path) -> list[str]:
    requirements = tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["requirements"]
    return [extra for entry in requirements if entry["name"] == "poolsize" for extra in entry.get("extras", ())]


def _pip() -> str:
    """The installer that reaches the environment of this very Python, whichever one is active in the shell."""
    if util.find_spec("pip") is None:  # uv makes its environments without pip
        is_active = os.environ.get("VIRTUAL_ENV") == sys.prefix
        return "uv pip install" if is_active else f"uv pip install --python {_quoted(sys.executable)}"
    found = shutil.which("pip")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "pip install"
    return f"{_quoted(sys.executable)} -m pip install"


def _quoted(text: str) -> str:
    """Within double quotes a POSIX shell still reads these four characters."""
    return f'"{text}"' if os.name == "nt" else '"' + re.sub(r'([\\"$`])', r"\\\1", text) + '"'
