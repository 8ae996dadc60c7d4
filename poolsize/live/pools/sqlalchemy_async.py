"""SQLAlchemy's pool for asyncio, as `create_async_engine` makes it."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from poolsize.live.pools.pool import Book, GaveUpError, Order, Returned, Work, clock
from poolsize.live.pools.sqlalchemy_threads import NUMBER, pool_arguments, watch


class AsyncPool:
    """An engine, of which only the pool is used. Made by `opened`."""

    def __init__(self, order: Order) -> None:
        self.book = Book()
        self._order = order
        self._returned = Returned()
        self._engine = create_async_engine(
            "postgresql+psycopg://", async_creator=self._opened, **pool_arguments(order.settings)
        )
        watch(self._engine.sync_engine.pool, self._returned)

    @classmethod
    async def opened(cls, order: Order) -> AsyncPool:
        """With all the connections that it keeps."""
        pool = cls(order)
        try:
            await pool._fill(order.settings.pool_size)
        except BaseException:
            await pool.close()
            raise
        return pool

    async def _opened(self) -> psycopg.AsyncConnection[Any]:
        begun_s = clock()
        connection = await psycopg.AsyncConnection.connect(self._order.conninfo, **self._order.options)
        self.book.opens(begun_s, connection.info.backend_pid)
        return connection

    async def _fill(self, kept: int) -> None:
        checkouts: list[PoolProxiedConnection] = []
        try:
            for _ in range(kept):
                checkouts += [await self._engine.raw_connection()]
        finally:
            for checkout in checkouts:
                await greenlet_spawn(checkout.close)

    def client(self) -> AsyncPoolClient:
        return AsyncPoolClient(self._engine, self._returned, self._order.work)

    async def close(self) -> None:
        await self._engine.dispose()


class AsyncPoolClient:
    """One task's."""

    def __init__(self, engine: AsyncEngine, returned: Returned, work: Work) -> None:
        self._engine, self._returned, self._work = engine, returned, work
        self._checkout: PoolProxiedConnection | None = None

    async def ask(self) -> int:
        try:
            self._checkout = await self._engine.raw_connection()
        except PoolTimeoutError as error:
            raise GaveUpError from error
        return int(self._checkout.info[NUMBER])

    async def hold(self, seconds: float) -> None:
        assert self._checkout is not None  # noqa: S101 - asked for before it is used
        connection: Any = self._checkout.driver_connection
        await connection.execute(self._work.statement, self._work.parameters(seconds))

    async def give_back(self) -> float:
        """Nothing else runs between the note of its return and this line."""
        assert self._checkout is not None  # noqa: S101 - asked for before it is used
        checkout, self._checkout = self._checkout, None
        await greenlet_spawn(checkout.close)
        return self._returned.at_s

    async def recover(self) -> None:
        if self._checkout is not None:
            checkout, self._checkout = self._checkout, None
            await greenlet_spawn(checkout.invalidate)
