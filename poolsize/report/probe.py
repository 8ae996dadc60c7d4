"""A probe as text: who answered, what a connection costs, how many there may be, who holds them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from poolsize.datatypes import ConnectCost, Database, DatabaseFacts, Limits, SessionGroup
from poolsize.units import duration, plural

STYLES = {"blocking": "bold red", "warning": "yellow", "note": "dim"}
_INDENT = (0, 0, 0, 6)
"""Below the sentence that it belongs to, whose code has five letters."""


def probe_report(facts: DatabaseFacts) -> RenderableType:
    """Everything that was learned, and what was not."""
    parts: list[RenderableType] = []
    if facts.database is not None:
        parts.append(Text(database_line(facts.database), style="bold"))
        parts += [Text(line, style="dim") for line in _circumstances(facts.database)]
    if facts.connect is not None:
        parts += [Text(), *_cost(facts.connect)]
    parts += _round_trips(facts)
    if facts.limits is not None:
        parts += [Text(), *_limits(facts.limits, dialect=facts.database.dialect if facts.database else "")]
    if facts.sessions:
        parts += [Text(), _sessions(facts.sessions), *_queries(facts.sessions)]
    parts += _server(facts)
    parts += _findings(facts)
    if facts.next:
        parts.append(Text(f"\nNext: {', or '.join(facts.next)}", style="cyan"))
    return Group(*parts)


def database_line(database: Database) -> str:
    version = f" {database.server_version}" if database.server_version else ""
    name = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}
    user = f" as {database.user}" if database.user else ""
    return f"{name.get(database.dialect, database.dialect)}{version} at {database.place}{user}"


def _circumstances(database: Database) -> Iterator[str]:
    parts = ["on this machine" if database.is_local else "not on this machine"]
    if database.provider:
        parts.append(f"recognised as {database.provider}")
    if database.processors:
        parts.append(plural(database.processors, "processor"))
    tls = database.tls
    if tls is not None and tls.used:
        checked = f"certificate verified by {tls.root}" if tls.verified else "certificate not verified"
        parts.append(f"{tls.version or 'TLS'}, {checked} ({tls.requested})")
    elif tls is not None:
        parts.append(f"no TLS ({tls.requested})")
    yield ", ".join(parts)
    if database.pooler is not None:
        pooler = database.pooler
        version = f" {pooler.version}" if pooler.version else ""
        mode = f", pool mode {pooler.pool_mode}" if pooler.pool_mode else ""
        yield f"through {pooler.kind}{version}{mode}: {'; '.join(pooler.signs)}"


def _cost(cost: ConnectCost) -> Iterator[RenderableType]:
    low, high = cost.p50_interval_s
    yield Text(
        f"A connection costs {duration(cost.mean_s)} on average: p50 {duration(cost.p50_s)} "
        f"({duration(low)} to {duration(high)}), p95 {duration(cost.p95_s)}, p99 {duration(cost.p99_s)}"
    )
    total = sum(phase.mean_s for phase in cost.phases) or 1.0
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("", justify="right")
    for phase in cost.phases:
        table.add_row(f"  {phase.name}", duration(phase.p50_s), f"{phase.mean_s / total * 100:.0f} %")
    yield table
    yield Text(
        f"  {plural(cost.samples, 'sample')} from {cost.measured_from or 'here'} with {cost.client}", style="dim"
    )
    if cost.burst is not None:
        burst = cost.burst
        yield Text(
            f"  {burst.connections} at once: ready after {duration(burst.first_s)} (first), "
            f"{duration(burst.p50_s)} (median), {duration(burst.last_s)} (last)"
        )


def _round_trips(facts: DatabaseFacts) -> Iterator[Text]:
    if facts.round_trip_s is not None:
        empty = facts.transaction_round_trip_s
        more = f", of an empty transaction {duration(empty)}" if empty is not None else ""
        yield Text(f"  round trip of a statement {duration(facts.round_trip_s)}{more}")


def _limits(limits: Limits, *, dialect: str) -> Iterator[RenderableType]:
    if dialect == "sqlite":  # one writer is no number of connections, and readers have no limit
        yield from (Text(f"{layer.setting}, and any number read.") for layer in limits.layers)
        return
    if limits.available_connections is not None:
        available, free = limits.available_connections, limits.free_connections
        now = "" if free is None else f", {free} free now"
        yield Text(
            f"{plural(available, 'connection')} {'is' if available == 1 else 'are'} available to this service{now}"
        )
    width = max((len(layer.name) for layer in limits.layers), default=0)
    yield Text(f"  {'layer':{width}}  limit  others  available   used   free", style="dim")
    for layer in limits.layers:
        counts = zip((layer.others, layer.available, layer.used, layer.free), (6, 9, 5, 5), strict=True)
        columns = "  ".join(f"{'?' if count is None else count:>{wide}}" for count, wide in counts)
        yield Text(f"  {layer.name:{width}}  {layer.limit:>5}  {columns}")
        yield Padding(Text(layer.setting, style="dim"), (0, 0, 0, width + 4))


def _sessions(sessions: tuple[SessionGroup, ...]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("  application", "user", "address"):
        table.add_column(title)
    for title in ("sessions", "active", "idle", "idle in transaction"):
        table.add_column(title, justify="right")
    for group in sessions:
        own = " *" if group.own else ""
        table.add_row(
            f"  {group.application or '-'}{own}",
            group.user or "-",
            group.address or "-",
            str(group.count),
            *("?" if count is None else str(count) for count in (group.active, group.idle)),
            _idle_in_transaction(group),
        )
    table.caption = "* this service's own" if any(group.own for group in sessions) else None
    table.caption_justify = "left"
    return table


def _queries(sessions: tuple[SessionGroup, ...]) -> Iterator[RenderableType]:
    """Across the whole width, in one paragraph each; what a terminal might obey is not shown to it."""
    for group in sessions:
        if group.queries:
            place = f" from {group.address}" if group.address else ""
            yield Text(f"\n  Queries of {group.application or '-'} as {group.user or '-'}{place}", style="dim")
        for query in group.queries:
            plain = "".join(letter if letter.isprintable() else "?" for letter in " ".join(query.split()))
            yield Padding(Text(plain), (0, 0, 0, 4))


def _idle_in_transaction(group: SessionGroup) -> str:
    if group.idle_in_transaction is None:
        return "?"
    oldest = group.oldest_idle_in_transaction_s
    return str(group.idle_in_transaction) + (f" (oldest {duration(oldest)})" if oldest else "")


def _server(facts: DatabaseFacts) -> Iterator[Text]:
    timeouts = facts.timeouts
    if timeouts is not None and timeouts.busy_s is not None:
        yield Text(f"\nA fresh connection waits up to {duration(timeouts.busy_s)} for another's lock (busy timeout).")
    elif timeouts is not None:
        named = (
            ("idle sessions", timeouts.idle_session_s),
            ("idle in transaction", timeouts.idle_in_transaction_s),
            ("statements", timeouts.statement_s),
        )
        ended = [f"{name} after {duration(seconds)}" for name, seconds in named if seconds is not None]
        yield Text(f"\nThe server ends {', '.join(ended) if ended else 'no session for being idle or slow'}.")
    if facts.memory is not None:
        size = facts.memory.bytes / 2**20
        yield Text(f"A connection takes {size:.1f} MB of the server's memory ({facts.memory.origin}).")


def _findings(facts: DatabaseFacts) -> Iterator[RenderableType]:
    if facts.findings:
        yield Text()
    for finding in facts.findings:
        yield Text(f"{finding.code} {finding.message}", style=STYLES[finding.severity])
        if finding.remedy:
            yield Padding(Text(finding.remedy), _INDENT)
    if facts.unread:
        yield Text("\nNot read", style="bold")
    for entry in facts.unread:
        remedy = f" ({entry.remedy})" if entry.remedy else ""
        yield Padding(Text(f"{entry.name}: {entry.reason}{remedy}", style="dim"), _INDENT)
