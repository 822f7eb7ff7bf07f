"""The demo's data: airports of the package airportsdata, their tables, models and queries."""

from __future__ import annotations

import enum
from collections import Counter, defaultdict
from decimal import Decimal
from typing import LiteralString

import airportsdata
import attrs

import liteorm

SCHEMA: tuple[LiteralString, ...] = (
    "CREATE TYPE region AS ENUM ('Africa', 'America', 'Antarctica', 'Arctic', 'Asia', 'Atlantic',"
    " 'Australia', 'Europe', 'Indian', 'Pacific')",
    """CREATE TABLE countries (
        code   text PRIMARY KEY,
        region region NOT NULL)""",
    """CREATE TABLE airports (
        icao      text PRIMARY KEY,
        iata      text UNIQUE,
        name      text NOT NULL,
        country   text NOT NULL REFERENCES countries,
        elevation numeric(7, 1) NOT NULL,
        latitude  float8 NOT NULL,
        longitude float8 NOT NULL,
        codes     text[] NOT NULL,
        place     jsonb NOT NULL)""",
)


class Region(enum.Enum):
    """The part of the world, as the first half of a time zone's name has it."""

    AFRICA = "Africa"
    AMERICA = "America"
    ANTARCTICA = "Antarctica"
    ARCTIC = "Arctic"
    ASIA = "Asia"
    ATLANTIC = "Atlantic"
    AUSTRALIA = "Australia"
    EUROPE = "Europe"
    INDIAN = "Indian"
    PACIFIC = "Pacific"


@attrs.frozen
class Place:
    """What is stored as jsonb."""

    city: str | None
    subdivision: str | None
    timezone: str


@liteorm.table("countries", key="code")
@attrs.frozen
class Country:
    """A country's ISO code and its region."""

    code: str
    region: Region


@liteorm.table("airports", key="icao")
@attrs.frozen
class Airport:
    """A row of the table."""

    icao: str
    iata: str | None
    name: str
    country: str
    elevation: Decimal
    latitude: float
    longitude: float
    codes: list[str]
    place: Place


@attrs.frozen
class Landing:
    """What one query selects: an airport with its country as an object of its own."""

    icao: str
    iata: str | None
    name: str
    elevation: Decimal
    codes: list[str]
    place: Place
    country: Country


@attrs.define
class Runway:
    """The six plain columns of the speed test."""

    icao: str
    name: str
    country: str
    latitude: float
    longitude: float
    has_iata: bool


@attrs.frozen
class Wrong:
    """A class that claims the wrong type."""

    icao: str
    elevation: float


@attrs.frozen
class News:
    """The payload of a notification."""

    icao: str
    event: str


LANDINGS: LiteralString = """
SELECT a.icao, a.iata, a.name, a.elevation, a.codes, a.place,
       c.code AS "country.code", c.region AS "country.region"
FROM airports a JOIN countries c ON c.code = a.country"""

RUNWAYS: LiteralString = """
SELECT icao, name, country, latitude, longitude, iata IS NOT NULL AS has_iata FROM airports"""


def airports() -> tuple[list[Country], list[Airport]]:
    """Return the data of the package airportsdata as objects."""
    regions: dict[str, Counter[str]] = defaultdict(Counter)
    found: list[Airport] = []
    for each in airportsdata.load("ICAO").values():
        code = each["country"]
        regions[code][each["tz"].split("/")[0]] += 1
        found.append(
            Airport(
                icao=each["icao"],
                iata=each["iata"] or None,
                name=each["name"],
                country=code,
                elevation=Decimal(str(each["elevation"])),
                latitude=each["lat"],
                longitude=each["lon"],
                codes=[each[kind] for kind in ("icao", "iata", "lid") if each[kind]],
                place=Place(each["city"] or None, each["subd"] or None, each["tz"]),
            )
        )
    # A country is where most of its airports are.
    countries = [Country(code, Region(c.most_common(1)[0][0])) for code, c in regions.items()]
    return countries, found
