"""upsert_many against executemany of INSERT … ON CONFLICT, half of the rows being there already.

python benchmarks/bench_upsert.py [--rows 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import contextlib
import sys

import _bench
import attrs

import liteorm
from liteorm import postgres

CREATE = """
DROP TABLE IF EXISTS bench_upsert;
CREATE TABLE bench_upsert (id int8 PRIMARY KEY, name text, n int, score float8)
"""
UPSERT = """
INSERT INTO bench_upsert (id, name, n, score) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, n = EXCLUDED.n, score = EXCLUDED.score
"""


@liteorm.table("bench_upsert", key="id")
@attrs.define
class Row:
    """One row of the benchmark."""

    id: int
    name: str
    n: int
    score: float


def main() -> None:
    """Run the benchmark."""
    import psycopg
    import sqlalchemy as sa
    from bench_insert_many import dsn_uri
    from sqlalchemy.dialects.postgresql import insert

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    objs = [Row(i, f"name {i}", i % 1000, i * 0.5) for i in range(options.rows)]
    # Half of the keys, spread over all of them, with other values.
    there = [Row(row.id, "old", 0, 0.0) for row in objs[::2]]
    with contextlib.ExitStack() as stack:
        dsn = stack.enter_context(_bench.database())
        db = stack.enter_context(postgres.open(dsn))
        conn = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        engine = sa.create_engine(dsn_uri(dsn).replace("postgresql://", "postgresql+psycopg://"))
        stack.callback(engine.dispose)
        db.execute(CREATE)
        table = sa.Table("bench_upsert", sa.MetaData(), autoload_with=engine)

        def half() -> None:
            db.execute("TRUNCATE bench_upsert")
            db.insert_many(there)

        def executemany() -> None:
            with conn.transaction(), conn.cursor() as cursor:
                cursor.executemany(UPSERT, [(o.id, o.name, o.n, o.score) for o in objs])

        statement = insert(table)
        statement = statement.on_conflict_do_update(
            index_elements=["id"],
            set_={name: statement.excluded[name] for name in ("name", "n", "score")},
        ).returning(table.c.id)

        def insertmanyvalues() -> None:
            with engine.begin() as connection:
                connection.execute(
                    statement,
                    [{"id": o.id, "name": o.name, "n": o.n, "score": o.score} for o in objs],
                )

        _bench.heading(f"upsert_many, {options.rows:,} objects of 4 columns, half of them new")
        times = _bench.interleaved(
            {
                "liteorm upsert_many": lambda: db.upsert_many(objs),
                "psycopg executemany, ON CONFLICT": executemany,
                "SQLAlchemy insertmanyvalues, ON CONFLICT": insertmanyvalues,
            },
            rounds=options.rounds,
            before=half,
        )
        print(_bench.table(times, "liteorm upsert_many", rows=options.rows))
        print("\n" + _bench.versions("psycopg", "sqlalchemy"))
        db.execute("DROP TABLE bench_upsert")


if __name__ == "__main__":
    sys.exit(main())
