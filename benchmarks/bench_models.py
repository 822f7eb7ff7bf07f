"""Classes of other libraries: Structs beside an attrs class, Pydantic models beside `Model(**row)`.

python benchmarks/bench_models.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

import _bench
import msgspec
import psycopg
from _lines import Lines, twin
from _peers import CREATE, Five, Peers, has
from psycopg.rows import dict_row

from liteorm import scan

SQL = "SELECT * FROM bench_five"
FIELDS: dict[str, type] = {"id": int, "name": str, "email": str, "active": bool, "score": float}


def struct() -> Any:
    """Return five columns as a Struct."""
    return msgspec.defstruct("FiveStruct", list(FIELDS.items()))


def pydantic() -> Any:
    """Return five columns as a Pydantic model."""
    from pydantic import create_model

    fields: dict[str, Any] = {name: (tp, ...) for name, tp in FIELDS.items()}
    return create_model("FivePydantic", **fields)


def models(lines: Lines, peers: Peers) -> None:
    """Measure each kind of class."""
    db, connection = peers.db, peers.connection

    def reading(model: Any) -> Any:
        return lambda: scan(db.query(SQL), model)

    lines.add(
        "100,000 × 5 columns into a Struct",
        {"into an attrs class": reading(Five)},
        reading(struct()),
        reading(struct()),
        goals={"into an attrs class": (1.05, 1.05)},
        floor_without=reading(twin(Five)),
    )
    if not has("pydantic"):
        return
    model = pydantic()

    def hand() -> Any:
        cursor = connection.cursor(row_factory=dict_row, binary=True)
        return [model(**row) for row in cursor.execute(SQL)]

    lines.add(
        "100,000 × 5 columns into a Pydantic model",
        {"Model(**row) by hand": hand},
        reading(pydantic()),
        reading(pydantic()),
        goals={"Model(**row) by hand": (1.1, 1.1)},
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with _bench.database() as dsn, contextlib.ExitStack() as stack:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(CREATE)
        models(Lines(options.rounds), Peers(dsn, stack))
    print("\n" + _bench.versions("liteorm-native", "psycopg", "attrs", "msgspec"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
