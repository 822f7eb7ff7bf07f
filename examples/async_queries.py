"""Run many queries at once with asyncio over a small pool."""

import asyncio

import liteorm
import liteorm_testing
from liteorm import postgres


async def amain(dsn: str) -> None:
    async with await postgres.open_async(dsn, max_size=4) as db:

        async def square(number: int) -> int:
            rows = await db.query("SELECT %s::int * %s", [number, number])
            return liteorm.scan_one(rows, int)

        print(await asyncio.gather(*(square(number) for number in range(10))))
        print("connections:", db.stats().size)


def main(dsn: str) -> None:
    asyncio.run(amain(dsn))


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
