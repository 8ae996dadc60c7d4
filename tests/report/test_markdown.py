"""The whole text for a pull request, compared, and read by a Markdown parser."""

from __future__ import annotations

import re

import msgspec
from markdown_it import MarkdownIt

from poolsize.datatypes import DatabaseFacts, Recommendation, Request
from poolsize.providers import stated_facts
from poolsize.recommend import recommend
from poolsize.report.markdown import markdown


def answered(request: Request, facts: DatabaseFacts) -> Recommendation:
    answer = recommend(request, facts)
    return msgspec.structs.replace(
        answer,
        poolsize_version="0.1.0",
        made_at="2026-11-24T12:00:00+00:00",
        reproduce="poolsize recommend --workers 4 --rate 300 --hold 20ms --max-connections 100",
    )


def without_digits(text: str) -> str:
    """Of what was simulated, which another numpy may simulate otherwise."""
    head, line, tail = re.split(r"(?<=> 10 ms\) )(0.*)(?=, with 95)", text)
    return head + re.sub(r"[\d.]+ (%|µs)", "#", line) + tail


FITS = """\
## Connection pool

`pool_size=3 max_overflow=0 pool_timeout=1 pool_recycle=1800 pool_pre_ping=True`

Worst case (3 + 1) instances × 4 processes × 1 pool × 3 = 48 of 94 (server 97 - 3 others)

Stated: 300 checkouts/s, hold 20 ms. Assumed: threads 8, skew 1, connect 20 ms, goal p99 10 ms. Limits: \
--max-connections 100.

Certified by 3,000,000 simulated checkouts: p99 wait 0, as the model says.

Now: `pool_size=5 max_overflow=10 pool_timeout=30 pool_pre_ping=False`, worst case 240, does not fit.
Changes: pool_size 5 -> 3, max_overflow 10 -> 0, pool_timeout 30 s -> 1 s.

### Predicted for one pool

- meets the goal up to 533/s over all processes; what the database itself can do is unknown (poolsize curve)
- busy 17 %, P(wait) 0.72 %
- wait: mean 52.6 µs, p50 0, p95 0, p99 0 (for exponential holds, which is assumed)
- P(timeout) less than 1 in a million after 1 s
- opens 0 overflow connections/s, 20 ms each (assumed)
- method: M/M/c+D, finite source; FIFO assumed; analytic, exact for this load, and certified
- simulated: P(wait > 10 ms) # (# to #), mean wait # (# to #), with 95 % confidence
- the worst case takes about 240 MB of the server's memory

| limit | of | others | worst case | margin | |
|---|---:|---:|---:|---:|---|
| **server** | 97 | 3 | 48 | 46 | max_connections 100 - 3 reserved (superusers, PostgreSQL's default) |

| input | value | origin | |
|---|---:|---|---|
| `rate_per_s` | 300 | stated | --rate |
| `hold_s` | 0.02 | stated | --hold |
| `hold_scv` | 1 | assumed | exponential holds |
| `workers` | 4 | stated | --workers |
| `threads` | 8 | assumed | worker type gunicorn-gthread |
| `instances` | 3 | stated | --instances |
| `surge` | 1 | assumed | 25 %, rounded up |
| `pools` | 1 | assumed | default |
| `checkouts_per_request` | 1 | assumed | default |
| `skew` | 1 | assumed | every process gets the same load |
| `p99_wait_s` | 0.01 | assumed | a quarter of the hold, at least 10 ms |
| `max_timeouts` | 1e-06 | assumed | default |
| `request_timeout_s` | 30 | assumed | default |
| `connect_cost_s` | 0.02 | assumed | TLS and SCRAM within a data centre |
| `connection_memory_bytes` | 5.24288e+06 | assumed | between a fresh PostgreSQL back end, 1.5 MB private, and one \
that has worked, 11 MB |
| `max_connections` | 100 | stated | --max-connections 100 |
| `reserved_connections` | 3 | assumed | superusers, PostgreSQL's default |
| `others` | 3 | assumed | at least 3 |

### Caveats

- PS302 (note): The present pool of 15 has a connection for each of the 8 that its threads can hold: if it is \
exhausted nonetheless, connections leak, or a request takes several. Look for sessions that are never closed, not for \
a larger pool.
- PS304 (note): With --preload, build the engine in each worker or call engine.dispose(close=False) in gunicorn's \
post_fork hook.

Again with: `poolsize recommend --workers 4 --rate 300 --hold 20ms --max-connections 100` (poolsize 0.1.0, \
2026-11-24T12:00:00+00:00)
"""


def test_what_belongs_into_a_pull_request() -> None:
    request = Request(workers=4, instances=3, rate_per_s=300, hold_s=0.02, current=(5, 10))
    assert without_digits(markdown(answered(request, stated_facts(100)))) == FITS


def test_a_no_says_so_first_and_how_it_would_fit() -> None:
    answer = answered(Request(workers=4, instances=6, rate_per_s=2400, hold_s=0.02), stated_facts(60))
    lines = markdown(answer).splitlines()
    assert lines[2] == "**No: what meets the goal does not fit.**"
    assert lines[4] == (
        "Best that fits: `pool_size=1 max_overflow=0 pool_timeout=1 pool_recycle=1800 pool_pre_ping=True`"
    )
    assert "- put one PgBouncer in front of all: 54 connections" in lines


def test_its_tables_are_tables_whatever_a_source_says() -> None:
    answer = answered(Request(workers=4, rate_per_s=300, hold_s=0.02), stated_facts(100))
    nasty = {name: msgspec.structs.replace(one, source="a | b\n| c") for name, one in answer.inputs.items()}
    text = markdown(msgspec.structs.replace(answer, inputs=nasty))
    tokens = MarkdownIt().enable("table").parse(text)
    assert sum(token.type == "table_open" for token in tokens) == 2
    cells = [token.content for token in tokens if token.type == "inline" and token.content.startswith("a | b")]
    assert len(cells) == len(answer.inputs)
