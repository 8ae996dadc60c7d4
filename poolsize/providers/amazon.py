"""Amazon's databases."""

from __future__ import annotations

from typing import Final

from poolsize.providers.provider import Provider, Rule, steps
from poolsize.providers.sizes import GIB, MIB

WITHHELD_BYTES: Final = 320 * MIB
WITHHELD_SHARE: Final = 0.12
"""What DBInstanceClassMemory lacks of an instance's memory: the larger of the two, so that the estimate is at or
below every value known. MySQL with 1 GiB has about 60 connections where the whole memory would give 85, and with
8 GiB 630 of 683 (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html); PostgreSQL has 198 of 225
with 2 GiB, 413 of 450 with 4, 856 of 901 with 8, 1660 of 1718 with 15.25
(https://gist.github.com/guizmaii/1cacffef793c2ba9645083c3e18b3d8c)."""

_LESS: Final = "less the memory that Amazon withholds, 12 % or 320 MiB"
_RDS_PAGE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html"
_AURORA: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/"
_SERVERLESS_PAGE: Final = f"{_AURORA}aurora-serverless-v2.setting-capacity.html"
_ACU: Final = "1 ACU is 2 GB: give the memory of the maximum capacity, and reboot after changing it."

# superuser_reserved_connections 3 and rds.rds_superuser_reserved_connections 2, the defaults.
_RDS_RESERVED: Final = 5
_RDS_RESERVED_FOR: Final = "superusers and rds_superuser, the defaults"


def _share(bytes_per_connection: int, at_most: int) -> Rule:
    """`LEAST({DBInstanceClassMemory/bytes_per_connection}, at_most)`, with the memory that Amazon withholds off."""

    def rule(memory_bytes: int) -> int:
        withheld = max(WITHHELD_BYTES, WITHHELD_SHARE * memory_bytes)
        return min(int((memory_bytes - withheld) / bytes_per_connection), at_most)

    return rule


AMAZON: Final = (
    Provider(
        name="rds-postgresql",
        title="Amazon RDS for PostgreSQL",
        dialect="postgresql",
        smallest_bytes=GIB,
        rule=_share(9_531_392, at_most=5000),
        formula=f"LEAST(memory / 9531392, 5000), {_LESS}",
        source=_RDS_PAGE,
        as_of="2026-11",
        reserved=_RDS_RESERVED,
        reserved_for=_RDS_RESERVED_FOR,
    ),
    Provider(
        name="rds-mysql",
        title="Amazon RDS for MySQL",
        dialect="mysql",
        smallest_bytes=GIB,
        rule=_share(12_582_880, at_most=100_000),
        formula=f"memory / 12582880, {_LESS}",
        source=_RDS_PAGE,
        as_of="2026-11",
        reserved=0,
        reserved_for="",
    ),
    Provider(
        name="rds-mariadb",
        title="Amazon RDS for MariaDB 10.5 or later",
        dialect="mariadb",
        smallest_bytes=GIB,
        rule=_share(25_165_760, at_most=12_000),
        formula=f"LEAST(memory / 25165760, 12000), {_LESS}",
        source=_RDS_PAGE,
        as_of="2026-11",
        reserved=0,
        reserved_for="",
    ),
    Provider(
        name="aurora-postgresql",
        title="Amazon Aurora PostgreSQL",
        dialect="postgresql",
        smallest_bytes=4 * GIB,
        rule=steps((4, 405), (8, 844), (15.25, 1600), (30.5, 3200), (32, 3300), (61, 5000)),
        formula="the smallest value of the instance classes with that memory",
        source=f"{_AURORA}AuroraPostgreSQL.Managing.html",
        as_of="2023",
        reserved=_RDS_RESERVED,
        reserved_for=_RDS_RESERVED_FOR,
    ),
    Provider(
        name="aurora-mysql",
        title="Amazon Aurora MySQL",
        dialect="mysql",
        smallest_bytes=2 * GIB,
        rule=steps(
            (2, 45),
            (4, 90),
            (8, 135),
            (15.25, 1000),
            (30.5, 2000),
            (61, 3000),
            (122, 4000),
            (244, 5000),
            (384, 6000),
            (768, 7000),
        ),
        formula="the smallest value of the instance classes with that memory",
        source=f"{_AURORA}AuroraMySQL.Managing.Performance.html",
        as_of="2023",
        reserved=0,
        reserved_for="",
    ),
    Provider(
        name="aurora-serverless-postgresql",
        title="Amazon Aurora Serverless v2, PostgreSQL",
        dialect="postgresql",
        smallest_bytes=2 * GIB,
        rule=steps((2, 189), (8, 823), (16, 1669), (32, 2000)),
        formula="by the maximum capacity, at most 2000, which is the cap while the minimum capacity is 0 or 0.5 ACU",
        source=_SERVERLESS_PAGE,
        as_of="2026-06-03",
        reserved=_RDS_RESERVED,
        reserved_for=_RDS_RESERVED_FOR,
        note=_ACU,
    ),
    Provider(
        name="aurora-serverless-mysql",
        title="Amazon Aurora Serverless v2, MySQL",
        dialect="mysql",
        smallest_bytes=2 * GIB,
        rule=steps((2, 90), (8, 135), (16, 1000), (32, 2000), (64, 3000), (128, 4000), (256, 5000)),
        formula="by the maximum capacity",
        source=_SERVERLESS_PAGE,
        as_of="2023",
        reserved=0,
        reserved_for="",
        note=_ACU,
    ),
)
