"""Where PostgreSQL runs: on this machine, at a managed provider, or somewhere else."""

from __future__ import annotations

from typing import Final

import psutil

from poolsize import host
from poolsize.datatypes import Unread
from poolsize.probe.hosted import provider_by_host
from poolsize.probe.postgresql_reader import Reader
from poolsize.probe.postgresql_session import Row

# Roles as the providers' own documentation has them: AWS RDS and Aurora user guides (rds_superuser, aurora_version()),
# Azure Database for PostgreSQL (azure_pg_admin), Google Cloud SQL (cloudsqlsuperuser), Neon (neon_superuser), Supabase
# (supabase_admin).
ROLES: Final = {
    "rds_superuser": "rds-postgresql",
    "azure_pg_admin": "azure-postgresql",
    "cloudsqlsuperuser": "cloudsql-postgresql",
    "neon_superuser": "neon",
    "supabase_admin": "supabase",
}
AURORA: Final = "aurora-postgresql"
_ASK_SIGNS: Final = f"""
SELECT rolname AS sign FROM pg_roles WHERE rolname IN ({", ".join(repr(role) for role in ROLES)})
UNION ALL
SELECT proname FROM pg_proc WHERE proname = 'aurora_version'"""  # noqa: S608 - of the constants above


def local_process(identity: Row) -> psutil.Process | None:
    """The server's process that serves the session, when it is one of this machine's own."""
    pid, started_at = identity.get("pid"), identity.get("started_at")
    if not pid or not started_at:
        return None
    return host.server_process(int(pid), name="postgres", started_at=float(started_at))


def read_provider(reader: Reader, name: str | None) -> str | None:
    """A key of the providers' registry, by a role or function that only they have, else by the host's name."""
    signs = {str(row["sign"]) for row in reader.attempt("database.provider", _ASK_SIGNS) or ()}
    if "aurora_version" in signs:
        return AURORA
    by_role = next((provider for role, provider in ROLES.items() if role in signs), None)
    return by_role or provider_by_host(name, "postgresql")


def processors(process: psutil.Process | None) -> tuple[int | None, tuple[Unread, ...]]:
    """The server's own, which PostgreSQL does not tell through SQL."""
    if process is not None:
        return host.processors(process), ()
    reason = "PostgreSQL does not tell, and it does not run on this machine."
    return None, (Unread(name="database.processors", reason=reason, remedy="--db-cores N"),)
