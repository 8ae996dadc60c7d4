"""The registry of worker types, and the claims that the frameworks here can confirm."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask, Response
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from poolsize.errors import UsageError
from poolsize.workers import DEFAULT_WORKER_TYPE, WORKER_TYPES, WorkerType, worker_type

EVERY = pytest.mark.parametrize("worker", WORKER_TYPES.values(), ids=lambda worker: worker.name)


@EVERY
def test_a_worker_type_says_what_it_is_and_where_that_was_read(worker: WorkerType) -> None:
    assert WORKER_TYPES[worker.name] is worker
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", worker.name)
    assert worker.title
    assert worker.process
    assert worker.threads_reason.endswith(".")
    assert worker.hold.endswith(".")
    assert re.search(r"\d+\.\d+\.\d+,|https://", worker.source), "a version or a page"
    assert re.search(r"\bN\b", worker.limit_line), "the number's place"


@EVERY
def test_a_worker_type_does_not_contradict_itself(worker: WorkerType) -> None:
    assert worker.threads is None or worker.threads >= 1
    assert worker.threads_settable or worker.threads == 1, "only what works on one request at a time is fixed"
    assert worker.release_needs_thread == bool(worker.release_remedy)
    assert not (worker.release_needs_thread and worker.is_async), "coroutines need no thread"
    assert not worker.threads_shared or worker.threads is not None


def test_the_threads_of_each_type() -> None:
    assert {worker.name: worker.threads for worker in WORKER_TYPES.values()} == {
        "gunicorn-sync": 1,
        "gunicorn-gthread": 8,
        "gunicorn-gevent": 1000,
        "gunicorn-asgi": None,
        "uvicorn": None,
        "hypercorn": None,
        "granian-wsgi": 512,
        "granian-asgi": 1024,
        "uwsgi": 1,
        "mod-wsgi": 15,
        "waitress": 4,
        "django-wsgi": 8,
        "django-asgi": None,
        "flask": 8,
        "fastapi-sync": 40,
        "celery-prefork": 1,
        "celery-threads": 8,
        "celery-gevent": 1000,
        "rq": 1,
        "dramatiq": 8,
        "aws-lambda": 1,
    }


def test_the_default_admits_that_its_threads_are_not_the_servers_own() -> None:
    default = worker_type(DEFAULT_WORKER_TYPE)
    assert (default.name, default.threads) == ("gunicorn-gthread", 8)
    assert "poolsize assumes 8 threads; gunicorn's own default is 1" in default.threads_reason


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7, 16, 600, 2000])
def test_granian_divides_its_backlog_among_its_workers(workers: int) -> None:
    backpressure = max(1, 1024 // workers)  # as granian 2.8.7 computes them
    assert worker_type("granian-asgi").threads_per_process(workers) == backpressure
    assert worker_type("granian-wsgi").threads_per_process(workers) == max(1, backpressure // 2)


def test_other_types_have_their_threads_in_each_process() -> None:
    assert worker_type("waitress").threads_per_process(4) == 4
    assert worker_type("uvicorn").threads_per_process(4) is None


def test_an_unknown_worker_type_is_one_sentence_with_the_choices_and_the_likely_one() -> None:
    with pytest.raises(UsageError) as caught:
        worker_type("gunicorn-snyc")
    assert caught.value.message == (
        f"The worker type 'gunicorn-snyc' is not one of {', '.join(sorted(WORKER_TYPES))}; did you mean gunicorn-sync?"
    )


def test_nothing_is_suggested_for_a_name_like_no_other() -> None:
    with pytest.raises(UsageError, match=r"'zzz' is not one of .*, waitress\.$"):
        worker_type("zzz")


def test_flask_gives_its_connection_back_once_the_response_is_built(tmp_path: Path) -> None:
    app = Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'shop.db'}"
    db = SQLAlchemy(app)
    held: list[int] = []

    def checked_out() -> int:
        pool = db.engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()

    @app.get("/")
    def view() -> ResponseReturnValue:
        held.append(checked_out())
        db.session.execute(text("select 1"))
        held.append(checked_out())
        return "page"

    @app.after_request
    def built(response: Response) -> Response:
        held.append(checked_out())
        return response

    response = app.test_client().get("/")
    with app.app_context():
        held.append(checked_out())
    assert response.text == "page"
    assert held == [0, 1, 1, 0]


def run_django(program: str) -> str:
    """What a program under a fresh Django prints; its settings are global, so it has a process of its own."""
    settings = """
import django
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
settings.configure(
    ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="x",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:shop?mode=memory&cache=shared"}},
)
django.setup()
from django.urls import path
"""
    done = subprocess.run([sys.executable, "-c", settings + program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_django_keeps_its_connection_until_the_response_was_sent() -> None:
    program = """
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

def view(request):
    with connection.cursor() as cursor:
        cursor.execute("select 1")
    return HttpResponse("page")

urlpatterns = [path("", view)]
connection.close = lambda close=connection.close: (print("closed", end=" "), close())
response = WSGIHandler()(RequestFactory().get("/").environ, lambda status, headers: None)
print(b"".join(response).decode(), end=" ")
response.close()
"""
    assert run_django(program) == "page closed"


def test_django_under_asgi_works_on_as_many_requests_as_come() -> None:
    """Each view waits until every other one runs as well: a bound below their number would end in a timeout."""
    program = """
import asyncio, threading
from django.core.asgi import get_asgi_application

together = threading.Barrier(60)

def view(request):
    together.wait(timeout=30)
    return HttpResponse(str(threading.get_ident()))

urlpatterns = [path("", view)]
application = get_asgi_application()

async def request():
    messages = [{"type": "http.request", "body": b""}]
    parts = []
    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()
    async def send(message):
        parts.append(message.get("body", b""))
    await application({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}, receive, send)
    return b"".join(parts)

async def main():
    return await asyncio.gather(*(request() for _ in range(60)))

print(len(set(asyncio.run(main()))))
"""
    assert run_django(program) == "60"
