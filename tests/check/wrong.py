"""Statements that are wrong, each in one way; `files/wrong.txt` has what is said of them."""

# ruff: noqa: E501

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

import liteorm
from liteorm import Range, statement
from tests.check.shop import (
    ById,
    ByTags,
    ByText,
    Contact,
    CustomerWithOrder,
    HalfState,
    Line,
    Named,
    Order,
    OrderWithCustomer,
    OrderWithMaybe,
    Settings,
    Totals,
)


@attrs.frozen
class Halved:
    """An enum that lacks a label."""

    id: int
    state: HalfState


@attrs.frozen
class Unmappable:
    """A field without a usable annotation."""

    id: "Missing"  # noqa: F821, UP037


@attrs.frozen
class Typo:
    """A field with a typing error."""

    id: int
    nmae: str


# What the server refuses
syntax = statement(Named, "SELEC id FROM app.staff")
unknown_table = statement(Named, "SELECT id, name FROM app.custmers")
unknown_schema = statement(Named, "SELECT id, name FROM apps.staff")
unknown_column = statement(Named, "SELECT id, nam FROM app.staff")
unknown_function = statement(int, "SELECT app.unsur(1)")
wrong_argument = statement(int, "SELECT app.unsure('2000-01-01'::date)")
ambiguous = statement(Named, "SELECT id, name FROM app.staff s, app.customers c")
not_grouped = statement(tuple[str, int], "SELECT name, count(*) FROM app.staff")
two_statements = statement(int, "SELECT 1; SELECT 2")
untyped_parameter = statement(bool, "SELECT %s IS NULL")
type_clash = statement(bool, "SELECT id = 'x'::date FROM app.staff")
bad_enum_label = statement(int, "SELECT id FROM app.orders WHERE state = 'lost'")
lone_percent = statement(str, "SELECT name FROM app.staff WHERE name LIKE 'A%' AND id = %s")
mixed_placeholders = statement(int, "SELECT id FROM app.staff WHERE id = %s OR id = %(id)s")
wrong_count = statement(None, "INSERT INTO app.staff (id, name) VALUES (1)")
missing_from = statement(int, "SELECT o.id FROM app.staff s")
bad_union = statement(int, "SELECT id FROM app.staff UNION SELECT name, id FROM app.staff")
update_generated = statement(None, "UPDATE app.lines SET amount = 1")

# Columns and fields
missing_column = statement(Named, "SELECT id FROM app.staff")
extra_column = statement(Named, "SELECT id, name, hired FROM app.staff")
misspelt_field = statement(Typo, "SELECT id, name FROM app.staff")
twice = statement(Named, "SELECT s.id, s.name, b.id FROM app.staff s JOIN app.staff b ON true")
unnamed = statement(Named, "SELECT id, upper(name) FROM app.staff")
too_many_for_scalar = statement(int, "SELECT id, name FROM app.staff")
too_few_for_tuple = statement(tuple[int, str, int], "SELECT id, name FROM app.staff")
star_changed = statement(Named, "SELECT * FROM app.staff")
no_rows = statement(Named, "UPDATE app.staff SET name = 'x'")
no_rows_insert = statement(int, "INSERT INTO app.staff VALUES (1, 'a', NULL, now())")
dotted_into_plain = statement(Named, 'SELECT id, name AS "name.first" FROM app.staff')
nested_missing = statement(
    OrderWithCustomer, 'SELECT o.id, customer_id AS "customer.id" FROM app.orders o'
)
nested_extra = statement(
    OrderWithCustomer,
    'SELECT o.id, 1 AS "customer.id", \'\' AS "customer.name", 2 AS "customer.age" FROM app.orders o',
)
unmappable = statement(Unmappable, "SELECT 1 AS id")

# Types
text_into_int = statement(int, "SELECT name FROM app.staff")
int_into_text = statement(str, "SELECT id FROM app.staff")
numeric_into_float = statement(float, "SELECT price FROM app.products")
float_into_decimal = statement(Decimal | None, "SELECT weight FROM app.products")
timestamp_into_date = statement(date, "SELECT placed FROM app.orders")
date_into_datetime = statement(datetime, "SELECT hired FROM app.staff")
bytes_into_text = statement(str | None, "SELECT photo FROM app.products")
array_into_text = statement(str, "SELECT tags FROM app.customers")
array_of_other = statement(list[int], "SELECT tags FROM app.customers")
count_into_text = statement(str, "SELECT count(*) FROM app.staff")
sum_into_int = statement(int | None, "SELECT sum(id) FROM app.orders")
average_into_float = statement(float | None, "SELECT avg(id) FROM app.staff")
enum_incomplete = statement(Halved, "SELECT id, state FROM app.orders")
range_of_other = statement(Range[int] | None, "SELECT during FROM app.products")
uuid_into_text = statement(str, "SELECT reference FROM app.orders")
boolean_into_int = statement(int, "SELECT id > 5 FROM app.staff")
tuple_types = statement(tuple[str, int], "SELECT id, name FROM app.staff")
totals_type = statement(Totals, "SELECT count(*), avg(weight) AS total FROM app.products")

# NULL
nullable_column = statement(Contact, "SELECT name, phone FROM app.customers")
nullable_scalar = statement(date, "SELECT born FROM app.customers")
nullable_left_join = statement(
    tuple[int, str],
    "SELECT o.id, c.name FROM app.orders o LEFT JOIN app.customers c ON c.id = o.customer_id",
)
nullable_right_join = statement(
    tuple[int, str],
    "SELECT o.id, c.name FROM app.orders o RIGHT JOIN app.customers c ON c.id = o.customer_id",
)
nullable_full_join = statement(
    tuple[int, int], "SELECT o.id, c.id FROM app.orders o FULL JOIN app.customers c USING (id)"
)
nested_outer = statement(
    OrderWithCustomer,
    """SELECT o.id, c.id AS "customer.id", c.name AS "customer.name"
       FROM app.orders o LEFT JOIN app.customers c ON c.id = o.customer_id""",
)
nested_inside_optional = statement(
    OrderWithMaybe,
    """SELECT o.id, c.id AS "customer.id", c.phone AS "customer.name"
       FROM app.orders o LEFT JOIN app.customers c ON c.id = o.customer_id""",
)
empty_maximum = statement(datetime, "SELECT max(placed) FROM app.orders")
empty_sum = statement(Decimal, "SELECT sum(price) FROM app.products")
rollup_key = statement(tuple[str, int], "SELECT sku, count(*) FROM app.lines GROUP BY ROLLUP (sku)")
null_branch = statement(int, "SELECT CASE WHEN id > 1 THEN 1 END FROM app.staff")
null_union = statement(
    Named, "SELECT id, name FROM app.staff UNION SELECT id, phone FROM app.customers"
)
null_value = statement(tuple[int, str], "VALUES (1, 'a'), (2, NULL)")
lagging = statement(int, "SELECT lag(id) OVER (ORDER BY id) FROM app.staff")
nullable_operand = statement(float, "SELECT weight * 2 FROM app.products")
nullable_view = statement(Contact, "SELECT customer AS name, phone FROM app.order_list")
outer_view = statement(int, "SELECT order_id FROM app.all_customers")
null_if = statement(str, "SELECT nullif(name, '') FROM app.staff")
recursive_null = statement(
    int,
    """WITH RECURSIVE up AS (SELECT id, boss_id FROM app.staff UNION
       SELECT s.id, s.boss_id FROM app.staff s JOIN up ON up.boss_id = s.id) SELECT boss_id FROM up""",
)
returned_null = statement(
    Contact, "UPDATE app.customers SET phone = NULL WHERE id = 1 RETURNING name, phone"
)
inserted_null = statement(
    datetime, "INSERT INTO app.orders (id, customer_id, placed) VALUES (1, 1, now()) RETURNING paid"
)

# Not known
json_text = statement(str, "SELECT settings ->> 'theme' FROM app.customers")
own_function = statement(int, "SELECT app.unsure(1)")
own_table_function = statement(tuple[int, str], "SELECT * FROM app.pairs()")
unnested = statement(str, "SELECT tag FROM app.customers, unnest(tags) AS tag")
scalar_subquery = statement(str, "SELECT (SELECT title FROM app.products WHERE sku = 'a')")
echoed = statement(int, "SELECT %(id)s::int")

# Parameters
parameter_type = statement(Named, "SELECT id, name FROM app.staff WHERE id = %(id)s", params=ByText)
parameter_name = statement(Named, "SELECT id, name FROM app.staff WHERE id = %(idd)s", params=ById)
parameter_unused = statement(Named, "SELECT id, name FROM app.staff", params=ById)
parameter_array = statement(int, "SELECT id FROM app.staff WHERE name = %(tags)s", params=ByTags)
parameter_json = statement(
    None, "UPDATE app.customers SET settings = %(s)s", params={"s": list[int]}
)
parameter_count = statement(
    int, "SELECT id FROM app.staff WHERE id > %s", params={"low": int, "high": int}
)
parameter_date = statement(
    int, "SELECT id FROM app.staff WHERE hired > %(day)s", params={"day": int}
)
parameter_bool = statement(
    int, "SELECT id FROM app.staff WHERE id = %(flag)s", params={"flag": bool}
)
parameter_float = statement(
    Decimal, "SELECT price * %(r)s AS cost FROM app.products", params={"r": float}
)
parameter_rounded = statement(
    Decimal, "SELECT round(price * %(r)s, 2) AS cost FROM app.products", params={"r": float}
)
parameter_root = statement(float, "SELECT sqrt(%(x)s) AS root", params={"x": Decimal})
parameter_enum_list = statement(
    int, "SELECT id FROM app.orders WHERE state = ANY(%(states)s)", params={"states": list[str]}
)
parameter_none = statement(
    int, "SELECT id FROM app.staff WHERE %(n)s IS NULL OR id = 1", params={"n": int | None}
)
parameter_open = statement(
    int, "SELECT id FROM app.staff WHERE %(n)s IS NULL OR id = 1", params={"n": str | None}
)
parameter_empty = statement(int, "SELECT unnest(%(xs)s) AS x", params={"xs": list[int]})
parameter_unsendable = statement(
    int, "SELECT id FROM app.staff WHERE id = %(f)s", params={"f": complex}
)
value_inside = statement(Decimal, liteorm.sql("SELECT price * {} AS cost FROM app.products", 1.5))
in_list = statement(int, "SELECT id FROM app.staff WHERE id IN %(ids)s", params={"ids": list[int]})
not_in_list = statement(int, "SELECT id FROM app.staff WHERE id NOT IN %s", params={"ids": int})
set_value = statement(None, "SET LOCAL work_mem = %s")
table_name = statement(int, "SELECT count(*) FROM %(table)s")

_used: Any = (CustomerWithOrder, Line, Order, Settings, liteorm)
