"""Limits without a database: stated ones, published ones, and sizes of memory."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolsize.datatypes import Database, DatabaseFacts, Finding, Layer, Limits
from poolsize.errors import UsageError
from poolsize.providers import PROVIDERS, RESERVED, Provider, parse_size, provider_facts, stated_facts
from poolsize.providers.sizes import size_text

GIB = 2**30
EVERY = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.name)


def usable(name: str, *sizes: str) -> list[int | None]:
    """Connections that an application can have, by size of memory."""
    found = [provider_facts(name, memory_bytes=parse_size(size)).limits for size in sizes]
    return [limits.usable_connections for limits in found if limits]


def maximum(name: str, *sizes: str) -> list[int | None]:
    found = [provider_facts(name, memory_bytes=parse_size(size)).limits for size in sizes]
    return [limits.max_connections for limits in found if limits]


def test_a_stated_setting_is_a_limit_less_postgresqls_reserve() -> None:
    setting = "max_connections 100 - 3 reserved (superusers, PostgreSQL's default)"
    assert stated_facts(100) == DatabaseFacts(
        database=Database(dialect="postgresql"),
        limits=Limits(
            max_connections=100,
            reserved_connections=3,
            usable_connections=97,
            available_connections=97,
            free_connections=None,
            layers=(Layer(name="server", limit=97, setting=setting),),
            origin="stated",
            reserved_origin="assumed",
            reserved_source="superusers, PostgreSQL's default",
            source="--max-connections 100",
        ),
    )


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
def test_mysql_reserves_nothing_of_its_setting(dialect: str) -> None:
    facts = stated_facts(151, dialect=dialect)
    assert facts.limits
    assert facts.limits.layers == (Layer(name="server", limit=151, setting="max_connections 151"),)


def test_a_stated_reserve_replaces_the_dialects() -> None:
    facts = stated_facts(100, reserved=10)
    assert facts.limits
    assert facts.limits.layers == (
        Layer(name="server", limit=90, setting="max_connections 100 - 10 reserved (--reserved)"),
    )
    none = stated_facts(100, reserved=0)
    assert none.limits
    assert none.limits.usable_connections == 100


@pytest.mark.parametrize(
    ("number", "reserved", "sentence"),
    [
        (0, None, "A server has at least one connection; --max-connections says 0."),
        (-5, 0, "A server has at least one connection; --max-connections says -5."),
        (10, -1, "--reserved says -1; it counts connections, from 0."),
        (
            3,
            None,
            "max_connections 3 - 3 reserved (superusers, PostgreSQL's default) leaves no connection for an "
            "application; --reserved states another reserve.",
        ),
    ],
)
def test_a_setting_that_leaves_nothing_is_one_sentence(number: int, reserved: int | None, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        stated_facts(number, reserved=reserved)
    assert caught.value.message == sentence


def test_a_dialect_without_such_a_setting_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"^The dialect 'sqlite' is not one of mariadb, mysql, postgresql\.$"):
        stated_facts(10, dialect="sqlite")


@EVERY
def test_a_provider_names_its_source_and_its_date(provider: Provider) -> None:
    assert PROVIDERS[provider.name] is provider
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", provider.name)
    assert provider.title
    assert provider.formula
    assert provider.dialect in RESERVED
    assert provider.source.startswith("https://")
    assert re.fullmatch(r"20\d\d(-\d\d(-\d\d)?)?", provider.as_of)
    assert bool(provider.reserved) == bool(provider.reserved_for)
    assert provider.note == "" or provider.note.endswith(".")


@EVERY
def test_more_memory_never_has_fewer_connections(provider: Provider) -> None:
    sizes = [provider.smallest_bytes + step * GIB // 4 for step in range(4 * 800)]
    limits = [provider.rule(size) for size in sizes]
    assert limits == sorted(limits)
    assert limits[0] > provider.reserved
    assert limits[-1] <= 100_000


@EVERY
def test_a_providers_limit_is_an_estimate_and_says_so(provider: Provider) -> None:
    facts = provider_facts(provider.name, memory_bytes=provider.smallest_bytes)
    assert facts.database == Database(dialect=provider.dialect, provider=provider.name)
    assert facts.limits
    assert facts.limits.origin == "assumed"
    assert facts.limits.source.startswith(f"estimate for {provider.title} with ")
    assert facts.limits.source.endswith(f"after {provider.source} ({provider.as_of})")
    (finding,) = facts.findings
    assert (finding.code, finding.severity) == ("PS190", "note")
    assert provider.as_of in finding.message


@EVERY
def test_a_provider_needs_the_memory_and_enough_of_it(provider: Provider) -> None:
    with pytest.raises(UsageError, match=r"state it, as in --db-memory 8GB\.$"):
        provider_facts(provider.name)
    with pytest.raises(UsageError, match=r"publishes limits from .* of memory; --db-memory says 100 MB\.$"):
        provider_facts(provider.name, memory_bytes=100 * 2**20)


def test_the_whole_facts_of_a_provider() -> None:
    assert provider_facts("azure-postgresql", memory_bytes=8 * GIB) == DatabaseFacts(
        database=Database(dialect="postgresql", provider="azure-postgresql"),
        limits=Limits(
            max_connections=859,
            reserved_connections=15,
            usable_connections=844,
            available_connections=844,
            free_connections=None,
            layers=(
                Layer(
                    name="server",
                    limit=844,
                    setting="max_connections 859 - 15 reserved (physical replication and monitoring)",
                ),
            ),
            origin="assumed",
            reserved_origin="assumed",
            reserved_source="physical replication and monitoring",
            source="estimate for Azure Database for PostgreSQL with 8 GB after "
            "https://learn.microsoft.com/azure/postgresql/configure-maintain/concepts-limits (2025-11-13)",
        ),
        findings=(
            Finding(
                code="PS190",
                severity="note",
                message="The limit is an estimate: what Azure Database for PostgreSQL sets by default with 8 GB of "
                "memory (the table by memory; 2025-11-13). The value is set when the server is made and does not "
                "follow a change of its size.",
                remedy="Probe the database: it tells its limit itself.",
            ),
        ),
    )


def test_azures_published_user_connections_are_reproduced() -> None:
    """Its page has a column for what is left after its reserve."""
    sizes = ("2GB", "4GB", "8GB", "16GB", "32GB", "48GB", "64GB", "672GB")
    assert usable("azure-postgresql", *sizes) == [35, 414, 844, 1703, 3422, 4985, 4985, 4985]


def test_neons_and_digitaloceans_published_examples_are_reproduced() -> None:
    assert usable("neon", "1GB") == [97]
    assert usable("digitalocean-postgresql", "1GB") == [22]
    assert usable("digitalocean-postgresql", "64GB", "128GB") == [997, 997]


def test_aivens_published_examples_are_reproduced() -> None:
    assert maximum("aiven-mysql", "2GB", "7GB") == [75 * 2 + 1, 100 * 7 + 1]
    assert maximum("aiven-postgresql", "1GB", "4GB", "8GB", "16GB", "32GB", "64GB", "120GB") == [
        20, 100, 200, 400, 800, 1000, 1000,
    ]  # fmt: skip


def test_published_tables_are_reproduced() -> None:
    compute = ("0.5GB", "1GB", "2GB", "4GB", "8GB", "16GB", "32GB", "64GB", "128GB", "192GB", "256GB")
    assert maximum("supabase", *compute) == [60, 60, 90, 120, 160, 240, 380, 480, 490, 500, 500]
    assert maximum("neon", "1GB", "2GB", "4GB", "8GB", "12GB", "16GB", "32GB", "36GB", "224GB") == [
        104, 209, 419, 839, 1258, 1678, 3357, 4000, 4000,
    ]  # fmt: skip
    assert maximum("aurora-mysql", "2GB", "4GB", "8GB", "16GB", "32GB", "64GB", "128GB", "256GB", "512GB", "768GB") == [
        45, 90, 135, 1000, 2000, 3000, 4000, 5000, 6000, 7000,
    ]  # fmt: skip
    tiers = ("0.6GB", "1.7GB", "3.75GB", "6GB", "7.5GB", "15GB", "30GB", "60GB", "120GB")
    assert maximum("cloudsql-postgresql", *tiers) == [25, 50, 100, 200, 400, 500, 600, 800, 1000]
    assert maximum("render", "256MB", "7GB", "8GB", "16GB", "32GB", "512GB") == [100, 100, 200, 400, 500, 500]


def test_azures_mysql_table_is_a_connection_for_each_twelve_megabytes() -> None:
    """The table against the law behind it, which its page does not state."""
    for gigabytes in (1, 2, 4, 8, 16, 32, 64, 80, 128, 160, 192, 256, 384, 504, 512):
        (limit,) = maximum("azure-mysql", f"{gigabytes}GB")
        assert limit == pytest.approx(gigabytes * 1024 / 12, abs=1)


def test_aurora_serverless_postgresql_keeps_to_the_cap_of_a_small_minimum() -> None:
    acu = [1, 4, 8, 16, 32, 128]
    assert maximum("aurora-serverless-postgresql", *(f"{2 * n}GB" for n in acu)) == [189, 823, 1669, 2000, 2000, 2000]


@pytest.mark.parametrize(
    ("name", "size", "seen"),
    [
        ("rds-postgresql", "2GB", 198),
        ("rds-postgresql", "4GB", 413),
        ("rds-postgresql", "8GB", 856),
        ("rds-postgresql", "15.25GB", 1660),
        ("rds-mysql", "1GB", 60),
        ("rds-mysql", "8GB", 630),
        ("aurora-postgresql", "4GB", 405),
        ("aurora-postgresql", "4GB", 420),
        ("aurora-postgresql", "16GB", 1600),
        ("aurora-postgresql", "16GB", 1722),
        ("aurora-postgresql", "32GB", 3479),
    ],
)
def test_amazons_estimate_is_at_most_what_was_seen_and_not_far_below(name: str, size: str, seen: int) -> None:
    (limit,) = maximum(name, size)
    assert limit is not None
    assert 0.88 * seen <= limit <= seen


def test_an_unknown_provider_is_one_sentence_with_the_choices() -> None:
    with pytest.raises(UsageError) as caught:
        provider_facts("rds-postgres", memory_bytes=GIB)
    assert caught.value.message == (
        f"The provider 'rds-postgres' is not one of {', '.join(sorted(PROVIDERS))}; did you mean rds-postgresql?"
    )


def test_a_stated_reserve_replaces_the_providers() -> None:
    facts = provider_facts("neon", memory_bytes=GIB, reserved=0)
    assert facts.limits
    assert facts.limits.usable_connections == 104


@given(
    st.integers(1, 999_999),
    st.sampled_from([("M", 2**20), ("G", 2**30), ("T", 2**40)]),
    st.sampled_from(["", "B", "iB"]),
    st.sampled_from([str.upper, str.lower, str]),
    st.sampled_from(["", " "]),
)
def test_a_size_is_its_number_times_its_unit(
    number: int, unit: tuple[str, int], suffix: str, spelled: type[str], space: str
) -> None:
    letter, factor = unit
    assert parse_size(spelled(f"{space}{number}{space}{letter}{suffix}{space}")) == number * factor


@given(st.integers(2**20, 2**49))
def test_a_size_survives_being_written_and_read(size: int) -> None:
    """To the two decimals that are shown."""
    assert parse_size(size_text(size)) == pytest.approx(size, rel=0.005)


def test_a_part_of_a_gigabyte_is_a_size() -> None:
    assert parse_size("0.5GB") == parse_size("512MiB") == 2**29
    assert parse_size("15.25 GB") == int(15.25 * 2**30)


@given(st.text() | st.from_regex(r"\d*\.?\d* ?[MGTmgt]i?[Bb]?", fullmatch=True))
def test_any_text_is_a_size_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_size(text) > 0


@pytest.mark.parametrize("text", ["8", "0GB", "-1GB", "8KB", "1e3GB", "GB", "", "8 G B", "8GBs", "1,5GB", "9999999GB"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size of memory"):
        parse_size(text)


def test_a_reserve_that_was_stated_is_stated_beside_an_estimate() -> None:
    limits = provider_facts("azure-postgresql", memory_bytes=8 * GIB, reserved=20).limits
    assert limits is not None
    assert (limits.origin, limits.reserved_origin, limits.reserved_source) == ("assumed", "stated", "--reserved")
