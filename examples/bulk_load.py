"""Store 28,000 airports by binary COPY, and read some of them back as objects."""

from decimal import Decimal

import airportsdata
import attrs

import liteorm
import liteorm_testing
from liteorm import postgres


@liteorm.table("airports", key="icao")
@attrs.frozen
class Airport:
    icao: str
    iata: str | None
    name: str
    country: str
    elevation: Decimal
    location: tuple[float, float]


def main(dsn: str) -> None:
    with postgres.open(dsn) as db:
        db.execute("""
            CREATE TABLE airports (
                icao text PRIMARY KEY, iata text UNIQUE, name text NOT NULL, country text NOT NULL,
                elevation numeric(7, 1) NOT NULL, location float8[] NOT NULL)
        """)
        airports = (
            Airport(
                each["icao"],
                each["iata"] or None,
                each["name"],
                each["country"],
                Decimal(str(each["elevation"])),
                (each["lat"], each["lon"]),
            )
            for each in airportsdata.load("ICAO").values()
        )
        print(
            "stored:", db.insert_many(airports, progress=lambda rows: print("rows so far:", rows))
        )

        rows = db.query("SELECT * FROM airports ORDER BY elevation DESC LIMIT 3")
        for airport in liteorm.scan(rows, Airport):
            print(airport)


if __name__ == "__main__":
    with liteorm_testing.server("embedded") as server:
        main(server.dsn)
