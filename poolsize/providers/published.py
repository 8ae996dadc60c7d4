"""The providers, each with what it publishes. A new one is one value here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from poolsize.providers.amazon import AMAZON
from poolsize.providers.provider import Provider, per_gigabyte, steps
from poolsize.providers.sizes import GIB, MIB

_OTHERS: Final = (
    Provider(
        name="azure-postgresql",
        title="Azure Database for PostgreSQL",
        dialect="postgresql",
        smallest_bytes=2 * GIB,
        rule=steps((2, 50), (4, 429), (8, 859), (16, 1718), (32, 3437), (48, 5000)),
        formula="the table by memory",
        source="https://learn.microsoft.com/azure/postgresql/configure-maintain/concepts-limits",
        as_of="2025-11-13",
        reserved=15,
        reserved_for="physical replication and monitoring",
        note="The value is set when the server is made and does not follow a change of its size.",
    ),
    Provider(
        name="azure-mysql",
        title="Azure Database for MySQL",
        dialect="mysql",
        smallest_bytes=GIB,
        rule=steps(
            (1, 85),
            (2, 171),
            (4, 341),
            (8, 683),
            (16, 1365),
            (32, 2731),
            (48, 4097),
            (64, 5461),
            (80, 6827),
            (128, 10_923),
            (160, 13_653),
            (192, 16_384),
            (256, 21_845),
            (384, 32_768),
            (504, 43_008),
            (512, 43_691),
            (672, 50_000),
        ),
        formula="the table by memory",
        source="https://learn.microsoft.com/azure/mysql/flexible-server/concepts-server-parameters",
        as_of="2024-11-27",
        reserved=0,
        reserved_for="",
    ),
    Provider(
        name="cloudsql-postgresql",
        title="Google Cloud SQL for PostgreSQL",
        dialect="postgresql",
        smallest_bytes=512 * MIB,
        rule=steps(
            (0.5, 25), (1.7, 50), (3.75, 100), (6, 200), (7.5, 400), (15, 500), (30, 600), (60, 800), (120, 1000)
        ),
        formula="the table by memory of the largest instance in the chain of primaries",
        source="https://docs.cloud.google.com/sql/docs/postgres/flags",
        as_of="2026-10-01",
    ),
    Provider(
        name="supabase",
        title="Supabase",
        dialect="postgresql",
        smallest_bytes=512 * MIB,
        rule=steps((0.5, 60), (2, 90), (4, 120), (8, 160), (16, 240), (32, 380), (64, 480), (128, 490), (192, 500)),
        formula="the table by compute size",
        source="https://supabase.com/docs/guides/platform/compute-and-disk",
        as_of="2026-11",
        note="Supabase's own services (PostgREST, Auth, Realtime) use part of it: count them in --others.",
    ),
    Provider(
        name="neon",
        title="Neon",
        dialect="postgresql",
        smallest_bytes=GIB,
        rule=steps(
            (1, 104),
            (2, 209),
            (4, 419),
            (8, 839),
            (12, 1258),
            (16, 1678),
            (20, 2098),
            (24, 2517),
            (28, 2937),
            (32, 3357),
            (36, 4000),
        ),
        formula="the table by compute size; 1 CU has 4 GB",
        source="https://neon.com/docs/connect/connection-pooling",
        as_of="2026-01-24",
        reserved=7,
        reserved_for="Neon's superuser",
        note="With autoscaling give the smallest size, which bounds the limit from below.",
    ),
    Provider(
        name="digitalocean-postgresql",
        title="DigitalOcean Managed PostgreSQL",
        dialect="postgresql",
        smallest_bytes=GIB,
        rule=per_gigabyte(25, at_most=1000),
        formula="25 per GB, at most 1000",
        source="https://docs.digitalocean.com/products/databases/postgresql/how-to/manage-connection-pools/",
        as_of="2025-06-17",
        reserved_for="maintenance",
        note="DigitalOcean's own connection pools take their connections from the same number.",
    ),
    Provider(
        name="aiven-postgresql",
        title="Aiven for PostgreSQL",
        dialect="postgresql",
        smallest_bytes=GIB,
        rule=steps((1, 20), (4, 100), (8, 200), (16, 400), (32, 800), (64, 1000)),
        formula="the table by plan, whose number is its memory",
        source="https://aiven.io/docs/products/postgresql/reference/pg-connection-limits",
        as_of="2026-11",
        note="Aiven may use any number of them to manage the service.",
    ),
    Provider(
        name="aiven-mysql",
        title="Aiven for MySQL",
        dialect="mysql",
        smallest_bytes=GIB,
        rule=lambda memory_bytes: (75 if memory_bytes < 4 * GIB else 100) * memory_bytes // GIB + 1,
        formula="75 per GB below 4 GB, 100 per GB from there, and 1",
        source="https://aiven.io/docs/products/mysql/concepts/max-number-of-connections",
        as_of="2026-11",
        reserved=1,
        reserved_for="the system's process",
    ),
    Provider(
        name="render",
        title="Render Postgres",
        dialect="postgresql",
        smallest_bytes=256 * MIB,
        rule=steps((0.25, 100), (8, 200), (16, 400), (32, 500)),
        formula="the table by memory",
        source="https://render.com/tutorials/postgres-on-render/connection-limits-and-pooling",
        as_of="2026-11",
        reserved=10,
        reserved_for="replication, maintenance and monitoring, about, as Render advises",
    ),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {provider.name: provider for provider in (*AMAZON, *_OTHERS)}
)
