"""Two functions of libpq that psycopg does not wrap, called as psycopg means it: with `PGconn.pgconn_ptr`.

They need the very libpq that psycopg uses. Where it cannot be found (Windows, whose loader does not search what a
module was linked with), the callers do without. What the probe uses of psycopg is imported here and nowhere else, so
that a missing libpq is one sentence whichever part is loaded first.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import TYPE_CHECKING

from poolsize.errors import MissingDriverError
from poolsize.installation import install_command

try:
    from psycopg import OperationalError, pq
    from psycopg.conninfo import make_conninfo
except ImportError:  # psycopg is there, but no libpq for it
    raise MissingDriverError(
        f"psycopg finds no libpq, PostgreSQL's client library: {install_command('postgresql')}"
    ) from None

__all__ = ["OperationalError", "client_name", "make_conninfo", "pq", "show_codes", "tls_version"]

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

_VERBOSE = 2  # PQERRORS_VERBOSE of libpq-fe.h


def show_codes(pgconn: PGconn) -> None:
    """From now on this connection's error messages hold the SQLSTATE: `FATAL:  53300: sorry, ...`. It is the only way
    to know it for a connection that failed, and independent of the server's language."""
    library = _library()
    if library is not None:
        library.PQsetErrorVerbosity(_pointer(pgconn), _VERBOSE)


def tls_version(pgconn: PGconn) -> str | None:
    """`TLSv1.3` of the connection to whatever answers, a pooler perhaps; None without TLS or where not known."""
    library = _library()
    if library is None or not pgconn.ssl_in_use:
        return None
    found: bytes | None = library.PQsslAttribute(_pointer(pgconn), b"protocol")
    return found.decode() if found else None


def client_name() -> str:
    """`libpq 18.0.6 (psycopg binary)`: part of the cost of a connection is spent in it."""
    version = pq.version()
    return f"libpq {version // 10000}.{version % 10000} (psycopg's {pq.__impl__} implementation)"


def _pointer(pgconn: PGconn) -> int | None:
    found: int | None = pgconn.pgconn_ptr  # type: ignore[attr-defined]  # documented, but not in psycopg's protocol
    return found


@cache
def _library() -> ctypes.CDLL | None:
    """What psycopg has loaded: ctypes' own handle, or the compiled module, through which the loader finds the libpq
    that it was linked with."""
    try:
        if pq.__impl__ == "python":
            from psycopg.pq import _pq_ctypes  # here: it is there in this implementation alone

            library: ctypes.CDLL = _pq_ctypes.pq  # type: ignore[attr-defined]  # its stub lists functions only
        else:
            library = ctypes.CDLL(sys.modules[pq.PGconn.__module__].__file__)
        library.PQsetErrorVerbosity.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.PQsslAttribute.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        library.PQsslAttribute.restype = ctypes.c_char_p
    except (AttributeError, ImportError, OSError):
        return None
    return library
