"""procrastinate: no-op functions on PostgreSQL. `prepare URL`, `work URL` for one worker, `ask URL SECONDS`."""

import asyncio
import logging
import sys
import time

import psycopg
from procrastinate import App, PsycopgConnector

_AT_ONCE = 4  #: clients that start functions
_ENOUGH = 100  #: functions that wait: more of them would only be waited for at the end
_LOOK = 0.02  #: seconds between two looks at what is left
_LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


def application(url: str) -> App:
    """Return the application with its one function."""
    app = App(connector=PsycopgConnector(conninfo=url, max_size=2 * _AT_ONCE))

    @app.task(name="nothing")
    def nothing() -> None:
        """Do nothing."""

    return app


async def prepare(url: str) -> None:
    """Make its tables."""
    async with application(url).open_async() as app:
        await app.schema_manager.apply_schema_async()


async def work(url: str) -> None:
    """Be a worker, until this process is ended."""
    async with application(url).open_async() as app:
        await app.run_worker_async(concurrency=1, wait=True)


async def ask(url: str, seconds: float) -> float:
    """Return how many functions per second come to their end, while there are always some that wait for a worker."""
    async with (
        application(url).open_async() as app,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as look,
    ):
        began, done, left = time.monotonic(), 0, 0

        async def defer() -> None:
            nonlocal done
            while time.monotonic() - began < seconds:
                if left < _ENOUGH:
                    await app.configure_task("nothing").defer_async()
                    done += 1
                else:
                    await asyncio.sleep(_LOOK)

        deferring = asyncio.gather(*(defer() for _ in range(_AT_ONCE)))
        while left or not deferring.done():
            await asyncio.sleep(_LOOK)
            [left] = await (await look.execute(_LEFT)).fetchone() or [0]
        await deferring
        return done / (time.monotonic() - began)


if __name__ == "__main__":
    logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it warns of an application in a main module
    if sys.argv[1] == "ask":
        print(asyncio.run(ask(sys.argv[2], float(sys.argv[3]))))
    else:
        asyncio.run({"prepare": prepare, "work": work}[sys.argv[1]](sys.argv[2]))
