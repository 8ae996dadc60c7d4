"""Frameworks that decide how a request holds its connection, whatever server runs them."""

from __future__ import annotations

from typing import Final

from poolsize.workers.servers import DEFAULT_THREADS, PRELOAD_NOTE
from poolsize.workers.worker_type import WorkerType

_SERVER_DECIDES: Final = (
    f"The server decides; poolsize assumes gunicorn with {DEFAULT_THREADS} threads. gunicorn's own default is 1."
)

DJANGO_WSGI: Final = WorkerType(
    name="django-wsgi",
    title="Django under a WSGI server",
    process="one worker of the WSGI server (gunicorn --workers)",
    threads=DEFAULT_THREADS,
    threads_reason=_SERVER_DECIDES,
    source="Django 5.2.19, db/__init__.py and http/response.py; gunicorn 27.0.1, config.py WorkerThreads",
    hold="From the first query until the response was sent (request_finished), whatever the view and the template do "
    "in between: nearly the whole request.",
    limit_line="gunicorn --threads N",
    pool_advice='Without OPTIONS["pool"] (PostgreSQL, Django 5.1 or later) each thread has a connection of its own '
    "per database alias, so that the threads are the pool.",
    fork_note="With --preload, make no query while the application loads: a connection opened then is shared by "
    "every worker.",
)
DJANGO_ASGI: Final = WorkerType(
    name="django-asgi",
    title="Django under an ASGI server",
    process="one worker of the ASGI server (uvicorn --workers, daphne)",
    threads=None,
    threads_reason="Each request runs its synchronous code in a thread of its own, as many as there are requests.",
    source="Django 5.2.19, core/handlers/asgi.py; asgiref 3.13.0, sync.py ThreadSensitiveContext",
    hold="From the first query until the response was sent (request_finished), whatever the view and the template do "
    "in between: nearly the whole request.",
    limit_line="uvicorn --limit-concurrency N (answers 503 beyond it)",
    pool_advice='Without OPTIONS["pool"] the connections of a process are its concurrent requests, without a bound; '
    "CONN_MAX_AGE must be 0.",
)
FLASK: Final = WorkerType(
    name="flask",
    title="Flask with Flask-SQLAlchemy",
    process="one worker of the WSGI server (gunicorn --workers)",
    threads=DEFAULT_THREADS,
    threads_reason=_SERVER_DECIDES,
    source="Flask-SQLAlchemy 3.1.1, extension.py _teardown_session; gunicorn 27.0.1, config.py WorkerThreads",
    hold="From the first query until the session ends with the application context, after the response was built and "
    "before it is sent: nearly the whole request.",
    limit_line="gunicorn --threads N",
    pool_advice="Every bind key and every application object has an engine, and so a pool, of its own (--pools).",
    fork_note=PRELOAD_NOTE,
)
FASTAPI_SYNC: Final = WorkerType(
    name="fastapi-sync",
    title="FastAPI with synchronous (def) routes",
    process="one uvicorn worker (--workers)",
    threads=40,
    threads_reason="AnyIO lends 40 threads an event loop, to routes, synchronous dependencies and the validation of "
    "their results alike.",
    source="anyio 4.16.0, _backends/_asyncio.py; fastapi 0.165.0, concurrency.py and routing.py serialize_response",
    hold="From the first query until the session of a dependency with yield ends, after the response was sent, so a "
    "slow client counts: measure the request time to the last byte.",
    limit_line="anyio.to_thread.current_default_thread_limiter().total_tokens = N",
    release_needs_thread=True,
    # Tried with fastapi 0.165.0 and SQLAlchemy 2.1.9, def routes with a response model, bursts of n requests: with c
    # connections and t thread tokens the pool stalls until pool_timeout from n = c + t on, and not at c + t - 1
    # (c, t = 40, 40; 5, 40; 5, 5). Neither scope="function" nor fewer tokens mend that; the two below do. A route that
    # returns a Response, which needs no validation, does not stall.
    release_remedy="Depends(get_session, max_concurrency=N) (FastAPI 0.163 or later), or the session committed or "
    "closed in the route before it returns",
)

FRAMEWORKS: Final = (DJANGO_WSGI, DJANGO_ASGI, FLASK, FASTAPI_SYNC)
