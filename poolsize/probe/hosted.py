"""Managed providers by the names of their hosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AMAZON: Final = {"postgresql": "rds-postgresql", "mysql": "rds-mysql", "mariadb": "rds-mariadb"}

# As the providers' own documentation and tools have them: AWS RDS and Aurora user guides, and for China both forms of
# the AWS Advanced JDBC Wrapper (RdsUtils.java); learn.microsoft.com, "Connectivity and networking concepts" of Azure
# Database; neon.com/docs/connect; supabase.com/docs/guides/database/connecting-to-postgres; docs.digitalocean.com,
# "Connect to PostgreSQL databases"; aiven.io/docs, service URI; render.com/docs, external URL of a database.
HOSTS: Final[Mapping[str, Mapping[str, str]]] = {
    ".rds.amazonaws.com": _AMAZON,
    ".rds.amazonaws.com.cn": _AMAZON,
    ".rds.cn-north-1.amazonaws.com.cn": _AMAZON,
    ".rds.cn-northwest-1.amazonaws.com.cn": _AMAZON,
    ".postgres.database.azure.com": {"postgresql": "azure-postgresql"},
    ".mysql.database.azure.com": {"mysql": "azure-mysql"},
    ".neon.tech": {"postgresql": "neon"},
    ".supabase.co": {"postgresql": "supabase"},
    ".pooler.supabase.com": {"postgresql": "supabase"},
    ".db.ondigitalocean.com": {"postgresql": "digitalocean-postgresql"},
    ".aivencloud.com": {"postgresql": "aiven-postgresql", "mysql": "aiven-mysql"},
    "-postgres.render.com": {"postgresql": "render"},
}
"""How a host's name ends, and whose database of which dialect that is, as a key of the providers' registry."""


def provider_by_host(host: str | None, dialect: str) -> str | None:
    """A key of the providers' registry; None for any other name, and for an address, which tells nothing."""
    name = (host or "").lower().rstrip(".")
    return next((keys.get(dialect) for suffix, keys in HOSTS.items() if name.endswith(suffix)), None)
