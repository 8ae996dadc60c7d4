"""Managed providers by the names of their hosts, as these stand in real DSNs."""

from __future__ import annotations

import pytest

from poolsize.probe.hosted import HOSTS, provider_by_host
from poolsize.providers import PROVIDERS

NAMES = [
    ("shop.c9akciq32.eu-central-1.rds.amazonaws.com", "postgresql", "rds-postgresql"),
    ("shop.c9akciq32.eu-central-1.rds.amazonaws.com", "mysql", "rds-mysql"),
    ("shop.c9akciq32.eu-central-1.rds.amazonaws.com", "mariadb", "rds-mariadb"),
    ("shop.c9akciq32.cn-north-1.rds.amazonaws.com.cn", "postgresql", "rds-postgresql"),
    ("shop.c9akciq32.rds.cn-north-1.amazonaws.com.cn", "mysql", "rds-mysql"),
    ("shop.c9akciq32.rds.cn-northwest-1.amazonaws.com.cn", "postgresql", "rds-postgresql"),
    ("shop.postgres.database.azure.com", "postgresql", "azure-postgresql"),
    ("shop.mysql.database.azure.com", "mysql", "azure-mysql"),
    ("ep-cool-darkness-123456-pooler.us-east-2.aws.neon.tech", "postgresql", "neon"),
    ("db.abcdefghijklmnopqrst.supabase.co", "postgresql", "supabase"),
    ("aws-0-eu-central-1.pooler.supabase.com", "postgresql", "supabase"),
    ("shop-do-user-123456-0.b.db.ondigitalocean.com", "postgresql", "digitalocean-postgresql"),
    ("shop-project.a.aivencloud.com", "postgresql", "aiven-postgresql"),
    ("shop-project.a.aivencloud.com", "mysql", "aiven-mysql"),
    ("dpg-abc123-a.frankfurt-postgres.render.com", "postgresql", "render"),
]


@pytest.mark.parametrize(("host", "dialect", "provider"), NAMES)
def test_a_hosts_name_tells_the_provider(host: str, dialect: str, provider: str) -> None:
    assert provider_by_host(host, dialect) == provider
    assert provider_by_host(f"{host.upper()}.", dialect) == provider


def test_every_suffix_is_tried_above_and_leads_to_a_provider_of_that_dialect() -> None:
    tried = {suffix for suffix in HOSTS for host, _, _ in NAMES if host.endswith(suffix)}
    assert tried == set(HOSTS)
    for keys in HOSTS.values():
        for dialect, key in keys.items():
            assert PROVIDERS[key].dialect == dialect


@pytest.mark.parametrize(
    ("host", "dialect"),
    [
        (None, "postgresql"),
        ("10.0.0.4", "postgresql"),
        ("db.example.com", "postgresql"),
        ("rds.amazonaws.com", "postgresql"),  # the programming interface, and no database
        ("rds.amazonaws.com.example.com", "postgresql"),
        ("shop.mysql.database.azure.com", "mariadb"),
        ("shop.b.db.ondigitalocean.com", "mysql"),  # whose limits are not in the registry
    ],
)  # fmt: skip
def test_any_other_name_tells_nothing(host: str | None, dialect: str) -> None:
    assert provider_by_host(host, dialect) is None
