"""Application servers, whatever the framework behind them."""

from __future__ import annotations

from typing import Final

from poolsize.workers.worker_type import WorkerType

DEFAULT_THREADS: Final = 8
"""Threads where neither the user nor the server says: gunicorn advises 2 to 4 a core (gunicorn 27.0.1,
config.py, WorkerThreads), and two cores are the usual small container. gunicorn's own default is 1."""

SESSION_HOLD: Final = (
    "From the first query until the transaction or session ends, which the application decides: at most the whole "
    "request."
)
PRELOAD_NOTE: Final = (
    "With --preload, build the engine in each worker or call engine.dispose(close=False) in gunicorn's post_fork hook."
)

GUNICORN_SYNC: Final = WorkerType(
    name="gunicorn-sync",
    title="gunicorn, sync workers",
    process="one gunicorn worker (--workers)",
    threads=1,
    threads_reason="A sync worker handles one request at a time.",
    source="gunicorn 27.0.1, workers/sync.py",
    hold=SESSION_HOLD,
    limit_line="gunicorn --workers N",
    threads_settable=False,
    pool_advice="One connection a process is all it can use; --threads above 1 makes gunicorn use gthread workers.",
    fork_note=PRELOAD_NOTE,
)
GUNICORN_GTHREAD: Final = WorkerType(
    name="gunicorn-gthread",
    title="gunicorn, threaded workers",
    process="one gunicorn worker (--workers)",
    threads=DEFAULT_THREADS,
    threads_reason=f"poolsize assumes {DEFAULT_THREADS} threads; gunicorn's own default is 1, the upper end of its "
    "advice of 2 to 4 a core is 8 on two cores.",
    source="gunicorn 27.0.1, config.py WorkerThreads and workers/gthread.py get_thread_pool",
    hold=SESSION_HOLD,
    limit_line="gunicorn --threads N",
    fork_note=PRELOAD_NOTE,
)
GUNICORN_GEVENT: Final = WorkerType(
    name="gunicorn-gevent",
    title="gunicorn, gevent workers",
    process="one gunicorn worker (--workers)",
    threads=1000,
    threads_reason="A gevent worker runs one greenlet a client, up to --worker-connections, 1000 by default.",
    source="gunicorn 27.0.1, config.py WorkerConnections and workers/ggevent.py",
    hold=SESSION_HOLD,
    limit_line="gunicorn --worker-connections N",
    pool_advice="The pool is the only bound on connections below 1000; the driver must yield to gevent: a pure Python "
    "one under monkey patching, psycopg 3, or psycopg2 with psycogreen.",
    fork_note=PRELOAD_NOTE,
)
GUNICORN_ASGI: Final = WorkerType(
    name="gunicorn-asgi",
    title="gunicorn, its own ASGI workers",
    process="one gunicorn worker (--workers)",
    threads=None,
    threads_reason="The ASGI worker reads --worker-connections but compares it with nothing.",
    source="gunicorn 27.0.1, workers/gasgi.py and asgi/protocol.py connection_made",
    hold=SESSION_HOLD,
    limit_line="asyncio.Semaphore(N) around the handlers",
    is_async=True,
    fork_note=PRELOAD_NOTE,
)
UVICORN: Final = WorkerType(
    name="uvicorn",
    title="uvicorn: FastAPI, Starlette or another async application",
    process="one uvicorn worker (--workers, or gunicorn's with uvicorn's worker class)",
    threads=None,
    threads_reason="An event loop takes every request at once; --limit-concurrency is not set by default.",
    source="uvicorn 0.54.0, config.py limit_concurrency",
    hold="From the first query until the session ends; the session of a FastAPI dependency with yield ends after the "
    "response was sent, so a slow client counts: measure the request time to the last byte.",
    limit_line="uvicorn --limit-concurrency N (answers 503 beyond it)",
    is_async=True,
)
HYPERCORN: Final = WorkerType(
    name="hypercorn",
    title="Hypercorn, an async application",
    process="one Hypercorn worker (--workers)",
    threads=None,
    threads_reason="Each request is a task of the event loop, and nothing counts them.",
    source="hypercorn 0.18.0, asyncio/task_group.py",
    hold=SESSION_HOLD,
    limit_line="asyncio.Semaphore(N) around the handlers",
    is_async=True,
)
GRANIAN_WSGI: Final = WorkerType(
    name="granian-wsgi",
    title="Granian, a WSGI application",
    process="one Granian worker (--workers)",
    threads=512,
    threads_reason="Half of the backlog of 1024, which the workers divide: 512 threads in one, 128 in each of 4.",
    source="granian 2.8.7, server/common.py backpressure and blocking_threads",
    hold=SESSION_HOLD,
    limit_line="granian --blocking-threads N",
    threads_shared=True,
    pool_advice="Set --blocking-threads before sizing: hundreds of threads want hundreds of connections.",
)
GRANIAN_ASGI: Final = WorkerType(
    name="granian-asgi",
    title="Granian, an async application",
    process="one Granian worker (--workers)",
    threads=1024,
    threads_reason="The backpressure is the backlog of 1024, which the workers divide: 1024 requests in one, "
    "256 in each of 4.",
    source="granian 2.8.7, server/common.py backpressure",
    hold=SESSION_HOLD,
    limit_line="granian --backpressure N",
    threads_shared=True,
    is_async=True,
)
UWSGI: Final = WorkerType(
    name="uwsgi",
    title="uWSGI",
    process="one uWSGI worker (--processes)",
    threads=1,
    threads_reason="uWSGI runs one thread a process unless --threads says otherwise.",
    source="uWSGI 2.0.30, core/init.c",
    hold=SESSION_HOLD,
    limit_line="uwsgi --threads N",
    fork_note="uWSGI forks after it loaded the application: set lazy-apps = true, or call "
    "engine.dispose(close=False) in a function under @uwsgidecorators.postfork.",
)
MOD_WSGI: Final = WorkerType(
    name="mod-wsgi",
    title="Apache mod_wsgi, daemon mode",
    process="one daemon process (processes=)",
    threads=15,
    threads_reason="WSGIDaemonProcess runs 15 threads a process; mod_wsgi-express runs 5.",
    source="mod_wsgi 6.0.5, src/server/wsgi_daemon.c and src/express/options.py",
    hold=SESSION_HOLD,
    limit_line="WSGIDaemonProcess app threads=N",
)
WAITRESS: Final = WorkerType(
    name="waitress",
    title="Waitress",
    process="one waitress-serve process",
    threads=4,
    threads_reason="Waitress runs 4 threads by default.",
    source="waitress 3.0.2, adjustments.py",
    hold=SESSION_HOLD,
    limit_line="waitress-serve --threads=N",
)

SERVERS: Final = (
    GUNICORN_SYNC,
    GUNICORN_GTHREAD,
    GUNICORN_GEVENT,
    GUNICORN_ASGI,
    UVICORN,
    HYPERCORN,
    GRANIAN_WSGI,
    GRANIAN_ASGI,
    UWSGI,
    MOD_WSGI,
    WAITRESS,
)
