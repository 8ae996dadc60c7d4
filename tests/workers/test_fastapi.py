"""What the worker type fastapi-sync says of threads and connections, tried on FastAPI itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy.orm import Session

TIMEOUT_S = 1.0


class Answer(BaseModel):
    value: int


def application(capacity: int, **dependency: Any) -> FastAPI:
    """A def route with a response model and a session that a dependency with yield closes."""
    engine = sa.create_engine(
        "sqlite://", poolclass=sa.QueuePool, pool_size=capacity, max_overflow=0, pool_timeout=TIMEOUT_S,
        connect_args={"check_same_thread": False},
    )  # fmt: skip
    app = FastAPI()

    def session() -> Iterator[Session]:
        with Session(engine) as opened:
            yield opened

    @app.get("/", response_model=Answer)
    def read(opened: Session = Depends(session, **dependency)) -> dict[str, int]:  # noqa: B008 - FastAPI's way
        opened.execute(sa.select(1))
        time.sleep(0.05)
        return {"value": 1}

    return app


async def answered(app: FastAPI, threads: int, requests: int) -> int:
    """How many of so many requests at once got an answer before pool_timeout."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    codes: list[int] = []

    async def one(client: httpx.AsyncClient) -> None:
        codes.append((await client.get("/")).status_code)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as client,
        anyio.create_task_group() as group,
    ):
        for _ in range(requests):
            group.start_soon(one, client)
    return codes.count(200)


@pytest.mark.parametrize(("capacity", "threads"), [(2, 4), (4, 4)])
def test_from_capacity_plus_threads_requests_at_once_they_stall(capacity: int, threads: int) -> None:
    """As many connections as threads raise the number at which it happens; they do not prevent it."""
    below = capacity + threads - 1
    assert anyio.run(answered, application(capacity), threads, below) == below
    assert anyio.run(answered, application(capacity), threads, below + 1) < below + 1


def test_a_scope_of_the_function_does_not_prevent_it() -> None:
    assert anyio.run(answered, application(2, scope="function"), 4, 6) < 6


def test_no_more_requests_in_the_dependency_than_connections_prevents_it() -> None:
    assert anyio.run(answered, application(2, max_concurrency=2), 4, 24) == 24
