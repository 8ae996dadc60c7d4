"""Background workers and functions."""

from __future__ import annotations

from typing import Final

from poolsize.workers.servers import DEFAULT_THREADS
from poolsize.workers.worker_type import WorkerType

_TASK_HOLD: Final = (
    "From the task's first query until its transaction or session ends, which the task decides: at most the whole task."
)

CELERY_PREFORK: Final = WorkerType(
    name="celery-prefork",
    title="Celery, prefork pool",
    process="one pool child (--concurrency; by default the CPUs of the host, whatever the container's quota)",
    threads=1,
    threads_reason="A child runs one task at a time.",
    source="celery 5.7.0, concurrency/prefork.py, worker/worker.py and fixups/django.py; billiard 4.3.2, context.py",
    hold=_TASK_HOLD,
    limit_line="celery worker --concurrency N",
    threads_settable=False,
    pool_advice='One connection a child is all it can use. With Django, leave OPTIONS["pool"] out or set its '
    "min_size to 0 or 1: Celery closes the pool before and after every task, and opening it again opens min_size "
    "connections.",
    fork_note="Build the engine in a worker_process_init handler, or call engine.dispose(close=False) there.",
)
CELERY_THREADS: Final = WorkerType(
    name="celery-threads",
    title="Celery, thread pool",
    process="one Celery worker (celery worker --pool threads)",
    threads=DEFAULT_THREADS,
    threads_reason=f"poolsize assumes {DEFAULT_THREADS} threads; Celery's own default is the CPUs of the host.",
    source="celery 5.7.0, concurrency/thread.py and worker/worker.py",
    hold=_TASK_HOLD,
    limit_line="celery worker --pool threads --concurrency N",
)
CELERY_GEVENT: Final = WorkerType(
    name="celery-gevent",
    title="Celery, gevent pool",
    process="one Celery worker (celery worker --pool gevent)",
    threads=1000,
    threads_reason="poolsize assumes the 1000 greenlets of Celery's own example; its default is the CPUs of the host.",
    source="celery 5.7.0, concurrency/gevent.py; Celery user guide, Concurrency with gevent",
    hold=_TASK_HOLD,
    limit_line="celery worker --pool gevent --concurrency N",
    pool_advice="The pool is the only bound on connections below --concurrency; the driver must yield to gevent.",
)
RQ: Final = WorkerType(
    name="rq",
    title="RQ",
    process="one RQ worker (rq worker)",
    threads=1,
    threads_reason="A worker runs one job at a time, each in a process forked or spawned for it.",
    source="rq 3.0.0, worker/worker_classes.py fork_work_horse",
    hold=_TASK_HOLD,
    limit_line="rq worker-pool --num-workers N",
    threads_settable=False,
    pool_advice="A pool is useless: its connections end with the process of the job. Use NullPool.",
    fork_note="Use NullPool, or call engine.dispose(close=False) at the start of a job where the engine was built in "
    "the worker.",
)
DRAMATIQ: Final = WorkerType(
    name="dramatiq",
    title="Dramatiq",
    process="one Dramatiq process (--processes; by default the CPUs of the host)",
    threads=8,
    threads_reason="Dramatiq runs 8 threads a process by default.",
    source="dramatiq 2.2.1, cli.py",
    hold=_TASK_HOLD,
    limit_line="dramatiq --threads N",
)
AWS_LAMBDA: Final = WorkerType(
    name="aws-lambda",
    title="AWS Lambda",
    process="one execution environment; as many run at once as the function's concurrency allows (--instances)",
    threads=1,
    threads_reason="An execution environment works on one request at a time; on Lambda Managed Instances it has one "
    "Python process for each, 16 a vCPU by default, which are processes here.",
    source="https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html and "
    "lambda-managed-instances-python-runtime.html (2026)",
    hold="From the first query until the transaction or session ends: at most the whole invocation.",
    limit_line="reserved concurrency N",
    threads_settable=False,
    pool_advice="pool_size 1 and max_overflow 0: an environment never needs a second connection, and keeps the first "
    "while it is frozen. The sum is the concurrency, so put a pooler in front of the server.",
)

JOBS: Final = (CELERY_PREFORK, CELERY_THREADS, CELERY_GEVENT, RQ, DRAMATIQ, AWS_LAMBDA)
