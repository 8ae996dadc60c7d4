"""Remove a server's folder, and end what runs from it, should the tests be killed before they could.

Run by its path with the folder as argument, for as long as the server is wanted: the tests write `done` to its stdin
at the end of an orderly life, and when they are killed the operating system closes it.
"""

from __future__ import annotations

import os
import shutil
import sys

WAIT_S = 10.0
"""How long a server may take to stop before it is killed."""


def main(folder: str) -> None:
    if sys.stdin.buffer.read() == b"done":
        return
    import psutil  # seldom needed, and slower to load than all the rest

    others = [process for process in psutil.process_iter(["cmdline"]) if process.pid != os.getpid()]
    servers = [process for process in others if any(folder in part for part in process.info["cmdline"] or ())]
    for server in servers:
        server.terminate()
    for server in psutil.wait_procs(servers, WAIT_S)[1]:
        server.kill()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
