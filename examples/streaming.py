"""Read a million rows as objects, in bounded memory."""

import attrs

import liteorm
import liteorm_testing
from liteorm import postgres


@attrs.frozen
class Reading:
    sensor: int
    value: float


def main(dsn: str) -> None:
    sql = "SELECT n % 100 AS sensor, sqrt(n) AS value FROM generate_series(1, 1000000) AS n"
    total, count = 0.0, 0
    with postgres.open(dsn) as db, db.stream(sql) as stream:
        for reading in liteorm.scan_iter(stream, Reading):
            total += reading.value
            count += 1
    print(f"{count:,} readings, mean {total / count:.3f}")


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
