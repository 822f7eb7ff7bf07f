"""Every row of the type table, with values of it: SQL text and what Python makes of them."""

from __future__ import annotations

import datetime as dt
import ipaddress as ip
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs

from liteorm import Interval, Multirange, Range

UTC = dt.UTC


@attrs.frozen
class Case:
    """One value: its type, its literal, and the annotations it may fill."""

    type: str
    literal: str
    value: Any
    annotation: Any

    def __str__(self) -> str:
        return f"{self.type} {self.literal[:24]}"


def _cases() -> list[Case]:
    cases: list[Case] = []

    def add(type_: str, annotation: Any, **values: Any) -> None:
        for literal, value in values.pop("of").items():
            cases.append(Case(type_, literal, value, annotation))

    add("bool", bool, of={"true": True, "false": False})
    add("int2", int, of={"-32768": -32768, "32767": 32767})
    add("int4", int, of={"-2147483648": -(2**31), "2147483647": 2**31 - 1})
    add("int8", int, of={"-9223372036854775808": -(2**63), "9223372036854775807": 2**63 - 1})
    add("float4", float, of={"1.5": 1.5, "Infinity": float("inf"), "-0": -0.0})
    add(
        "float8",
        float,
        of={"0.1": 0.1, "1e308": 1e308, "5e-324": 5e-324, "-Infinity": -float("inf")},
    )
    add(
        "numeric",
        Decimal,
        of={
            "1.50": Decimal("1.50"),
            "-1e50": Decimal("-1e50"),
            "0.000000000000000000001": Decimal("1e-21"),
            "Infinity": Decimal("Infinity"),
            "-Infinity": Decimal("-Infinity"),
        },
    )
    add("money", Decimal, of={"12.34": Decimal("12.34"), "-0.01": Decimal("-0.01")})
    text = {"": "", "it's": "it's", 'a"b\\c\td\n': 'a"b\\c\td\n', "ünï😀": "ünï😀"}
    add("text", str, of=text)
    add("varchar(20)", str, of=text)
    add("bpchar(3)", str, of={"a": "a  "})
    add('"char"', str, of={"a": "a", "": ""})
    add("name", str, of={"pg_class": "pg_class"})
    add("citext", str, of={"Ab": "Ab"})
    add("bytea", bytes, of={r"\x00ff": b"\x00\xff", "": b""})
    add("date", dt.date, of={"0001-01-01": dt.date.min, "9999-12-31": dt.date.max})
    add("time", dt.time, of={"23:59:59.999999": dt.time.max, "00:00": dt.time.min})
    add(
        "timetz",
        dt.time,
        of={"12:30+02": dt.time(12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))},
    )
    add(
        "timestamp",
        dt.datetime,
        of={"0001-01-01": dt.datetime.min, "9999-12-31 23:59:59.999999": dt.datetime.max},
    )
    add(
        "timestamptz",
        dt.datetime,
        of={"2024-02-29 12:00+02": dt.datetime(2024, 2, 29, 10, tzinfo=UTC)},
    )
    add(
        "interval",
        dt.timedelta,
        of={"1 day 00:00:01.5": dt.timedelta(1, 1, 500000), "-00:00:01": -dt.timedelta(seconds=1)},
    )
    add(
        "interval",
        Interval,
        of={
            "1 year 2 mons -3 days 04:05:06.7": Interval(14, -3, 14_706_700_000),
            "0": Interval(0, 0, 0),
        },
    )
    add(
        "uuid",
        UUID,
        of={"00112233-4455-6677-8899-aabbccddeeff": UUID("00112233445566778899aabbccddeeff")},
    )
    json = {'{"a": [1, null, "x"]}': {"a": [1, None, "x"]}, "1.5": 1.5, '"s"': "s", "[]": []}
    add("json", Any, of=json)
    add("jsonb", Any, of=json)
    add("jsonb", dict[str, list[int]], of={'{"a": [1, 2]}': {"a": [1, 2]}})
    add("jsonpath", str, of={'$."a"[*]': '$."a"[*]'})
    add("inet", ip.IPv4Address, of={"1.2.3.4": ip.IPv4Address("1.2.3.4")})
    add("inet", ip.IPv6Address | ip.IPv4Address, of={"::1": ip.IPv6Address("::1")})
    add(
        "inet",
        ip.IPv4Interface,
        of={
            "1.2.3.4/24": ip.IPv4Interface("1.2.3.4/24"),
            "1.2.3.4": ip.IPv4Interface("1.2.3.4/32"),
        },
    )
    add("cidr", ip.IPv4Network, of={"10.0.0.0/8": ip.IPv4Network("10.0.0.0/8")})
    add("cidr", ip.IPv6Network, of={"fe80::/10": ip.IPv6Network("fe80::/10")})
    add("macaddr", str, of={"08:00:2b:01:02:03": "08:00:2b:01:02:03"})
    add("macaddr8", str, of={"08:00:2b:01:02:03:04:05": "08:00:2b:01:02:03:04:05"})
    add("bit(5)", str, of={"10101": "10101"})
    add("varbit", str, of={"": "", "101": "101", "111111111": "111111111"})
    add("tsvector", str, of={"'a':1A,2 'it''s'": "'a':1A,2 'it''s'", "": ""})
    add("tsquery", str, of={"'a' & !( 'b' | 'c':*AB )": "'a' & !( 'b' | 'c':*AB )", "": ""})
    add("point", str, of={"(1.5,-2e+20)": "(1.5,-2e+20)"})
    add("point", tuple[float, float], of={"(1.5,2)": (1.5, 2.0)})
    add("line", str, of={"{1,-2,3.5}": "{1,-2,3.5}"})
    add("lseg", str, of={"[(1,2),(3,4)]": "[(1,2),(3,4)]"})
    add("box", str, of={"(3,4),(1,2)": "(3,4),(1,2)"})
    add("path", str, of={"[(1,2),(3,4)]": "[(1,2),(3,4)]", "((1,2),(3,4))": "((1,2),(3,4))"})
    add("polygon", str, of={"((1,2),(1e+15,1e-07))": "((1,2),(1e+15,1e-07))"})
    add("circle", str, of={"<(1,2),3>": "<(1,2),3>"})
    add("pg_lsn", str, of={"16/B374D848": "16/B374D848"})
    add("tid", str, of={"(4,5)": "(4,5)"})
    add("xid", int, of={"4294967295": 4294967295})
    add("xid8", int, of={"18446744073709551615": 2**64 - 1})
    add("cid", int, of={"7": 7})
    add("oid", int, of={"4294967295": 4294967295})
    add("regclass", int, of={"pg_class": 1259})
    add("regtype", int, of={"int4": 23})
    add("oidvector", list[int], of={"1 2": [1, 2]})
    add("int2vector", list[int], of={"1 -2": [1, -2]})
    add(
        "int4range",
        Range[int],
        of={"[1,5)": Range(1, 5), "empty": Range.empty(), "(,5)": Range(None, 5, "()")},
    )
    add("int8range", Range[int], of={"[1,)": Range(1, None, "[)")})
    add("numrange", Range[Decimal], of={"[1.5,2.5]": Range(Decimal("1.5"), Decimal("2.5"), "[]")})
    add(
        "daterange",
        Range[dt.date],
        of={"[2024-01-01,2024-02-01)": Range(dt.date(2024, 1, 1), dt.date(2024, 2, 1))},
    )
    add(
        "tsrange",
        Range[dt.datetime],
        of={"[2024-01-01,)": Range(dt.datetime(2024, 1, 1), None, "[)")},
    )
    add("tstzrange", Range[dt.datetime], of={"(,)": Range(None, None, "()")})
    add(
        "int4multirange",
        Multirange[int],
        of={"{[1,3),[5,7)}": Multirange([Range(1, 3), Range(5, 7)]), "{}": Multirange()},
    )
    add(
        "hstore",
        dict[str, str | None],
        of={'a=>1,"b c"=>NULL,q=>"x\\"y"': {"a": "1", "b c": None, "q": 'x"y'}, "": {}},
    )
    add("ltree", str, of={"a.b.c": "a.b.c"})
    add("lquery", str, of={"a.*": "a.*"})
    add("vector", list[float], of={"[1,2.5]": [1.0, 2.5]})
    add("int4[]", list[int], of={"{1,2}": [1, 2], "{}": []})
    add("int4[]", list[list[int]], of={"{{1,2},{3,4}}": [[1, 2], [3, 4]]})
    add("text[]", set[str | None], of={'{a,NULL,"NULL",""}': {"a", None, "NULL", ""}})
    add("text[]", frozenset[str], of={'{"a,b","{x}"}': frozenset({"a,b", "{x}"})})
    add("interval[]", list[Interval], of={"{1 mon,1 day}": [Interval(1, 0, 0), Interval(0, 1, 0)]})
    add("interval[]", list[dt.timedelta], of={"{1 day}": [dt.timedelta(1)]})
    add("int4range[]", list[Range[int]], of={'{"[1,2)",empty}': [Range(1, 2), Range.empty()]})
    add("jsonb[]", list[dict[str, int]], of={'{"{\\"a\\": 1}"}': [{"a": 1}]})
    return cases


CASES = _cases()
