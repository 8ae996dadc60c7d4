"""Turn a host's name into addresses within a bound, which the system's own call does not know."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Any


def is_address(host: str) -> bool:
    """It needs no resolution: an IPv4 or IPv6 address, perhaps with a zone."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def resolve(host: str, port: int, timeout_s: float) -> list[tuple[int, Any]]:
    """Family and socket address of each way to the host, in the system's order. Raises OSError: TimeoutError after
    `timeout_s`, gaierror for a name that is not known.

    In a thread that nobody waits for, since getaddrinfo knows no timeout and cannot be interrupted.
    """
    found: list[tuple[int, Any]] = []
    failure: list[OSError] = []

    def ask() -> None:
        try:
            found.extend((entry[0], entry[4]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failure.append(error if isinstance(error, OSError) else socket.gaierror("it is not a host name"))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout_s)
    if failure:
        raise failure[0]
    if not found:
        raise TimeoutError("the name was not resolved in time")
    return found
