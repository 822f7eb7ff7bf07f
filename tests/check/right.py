"""Statements that are right, however involved: the checker has nothing to say of any."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import liteorm
from liteorm import Range, statement
from tests.check.shop import (
    Address,
    ById,
    ByTags,
    CustomerWithOrder,
    Line,
    MaybeContact,
    Named,
    NewProduct,
    Order,
    OrderWithCustomer,
    OrderWithMaybe,
    Priced,
    Renamed,
    Settings,
    State,
    Totals,
    WithDefault,
)

# Plain
plain = statement(Named, "SELECT id, name FROM app.customers")
optional_phone = statement(MaybeContact, "SELECT name, phone FROM app.customers")
scalar = statement(int, "SELECT id FROM app.customers")
optional_scalar = statement(date | None, "SELECT born FROM app.customers")
pair = statement(tuple[int, str], "SELECT id, name FROM app.customers")
mapping = statement(dict[str, Any], "SELECT * FROM app.customers")
named_tuple = statement(Line, "SELECT order_id, quantity FROM app.lines")
typed_dict = statement(Priced, "SELECT sku, price FROM app.products")
enum_column = statement(Order, "SELECT id, state, paid FROM app.orders")
left_out = statement(WithDefault, "SELECT id FROM app.customers")
renamed = statement(Renamed, "SELECT id FROM app.customers")
extra_columns = statement(Named, "SELECT * FROM app.customers", extra="ignore")
array = statement(list[str], "SELECT tags FROM app.customers")
json_model = statement(Settings, "SELECT 'dark' AS theme")
jsonb_column = statement(tuple[int, Settings], "SELECT id, settings FROM app.customers")
composite = statement(tuple[Address | None], "SELECT home FROM app.customers")
uuid_column = statement(UUID, "SELECT reference FROM app.orders")
interval_column = statement(timedelta | None, "SELECT lasts FROM app.orders")
range_column = statement(Range[datetime] | None, "SELECT during FROM app.products")
no_rows = statement(None, "DELETE FROM app.lines")
percent = statement(str, "SELECT name FROM app.customers WHERE name LIKE 'A%'")
percent_with_parameter = statement(
    str, "SELECT name FROM app.customers WHERE name LIKE 'A%%' AND id = %s"
)

# What WHERE proves
is_not_null = statement(str, "SELECT phone FROM app.customers WHERE phone IS NOT NULL")
compared = statement(str, "SELECT phone FROM app.customers WHERE phone > '0'")
liked = statement(str, "SELECT phone FROM app.customers WHERE phone LIKE '+49%' OR phone = '110'")
listed = statement(date, "SELECT born FROM app.customers WHERE born IN ('2000-01-01')")
any_of = statement(str, "SELECT phone FROM app.customers WHERE phone = ANY(%s)")
between = statement(date, "SELECT born FROM app.customers WHERE born BETWEEN %s AND %s")
through_function = statement(
    str, "SELECT phone FROM app.customers WHERE length(phone) > 3 AND NOT (born IS NULL)"
)
in_subquery = statement(
    int, "SELECT boss_id FROM app.staff WHERE boss_id IN (SELECT id FROM app.staff)"
)

# Joins
inner = statement(
    OrderWithCustomer,
    """SELECT o.id, c.id AS "customer.id", c.name AS "customer.name"
       FROM app.orders o JOIN app.customers c ON c.id = o.customer_id""",
)
outer = statement(
    OrderWithMaybe,
    """SELECT o.id, c.id AS "customer.id", c.name AS "customer.name"
       FROM app.orders o LEFT JOIN app.customers c ON c.id = o.customer_id AND c.born > %s""",
)
outer_made_inner = statement(
    OrderWithCustomer,
    """SELECT o.id, c.id AS "customer.id", c.name AS "customer.name"
       FROM app.orders o LEFT JOIN app.customers c ON c.id = o.customer_id
       WHERE c.born > '2000-01-01'""",
)
right_join = statement(
    OrderWithMaybe,
    """SELECT o.id, c.id AS "customer.id", c.name AS "customer.name"
       FROM app.customers c RIGHT JOIN app.orders o ON c.id = o.customer_id""",
)
full_join = statement(
    tuple[int | None, str | None],
    "SELECT o.id, c.name FROM app.orders o FULL JOIN app.customers c ON c.id = o.customer_id",
)
using = statement(int, "SELECT order_id FROM app.lines JOIN app.lines b USING (order_id, line)")
full_using = statement(
    int, "SELECT order_id FROM app.lines FULL JOIN app.lines b USING (order_id, line)"
)
natural = statement(int, "SELECT id FROM app.staff NATURAL JOIN app.staff b")
self_join = statement(
    tuple[str, str | None],
    "SELECT s.name, b.name FROM app.staff s LEFT JOIN app.staff b ON b.id = s.boss_id",
)
self_inner = statement(
    tuple[str, int],
    "SELECT b.name, s.boss_id FROM app.staff s JOIN app.staff b ON b.id = s.boss_id",
)
nested_optional = statement(
    CustomerWithOrder,
    """SELECT c.id, o.id AS "order.id", o.state AS "order.state", o.paid AS "order.paid"
       FROM app.customers c LEFT JOIN app.orders o ON o.customer_id = c.id""",
)
nested_through_cte = statement(
    CustomerWithOrder,
    """WITH late AS (SELECT * FROM app.orders WHERE placed < now())
       SELECT c.id, o.id AS "order.id", o.state AS "order.state"
       FROM app.customers c LEFT JOIN late o ON o.customer_id = c.id""",
)
lateral_count = statement(
    tuple[int, int],
    """SELECT c.id, n.orders FROM app.customers c
       CROSS JOIN LATERAL (SELECT count(*) AS orders FROM app.orders o
                           WHERE o.customer_id = c.id) n""",
)
lateral_last = statement(
    tuple[int, datetime | None],
    """SELECT c.id, l.placed FROM app.customers c LEFT JOIN LATERAL (
           SELECT placed FROM app.orders o WHERE o.customer_id = c.id
           ORDER BY placed DESC LIMIT 1) l ON true""",
)
aliased_join = statement(
    tuple[int, str], "SELECT j.a, j.b FROM (app.staff s CROSS JOIN app.products) AS j (a, b)"
)

# Views
view = statement(MaybeContact, "SELECT customer AS name, phone FROM app.order_list")
view_star = statement(tuple[int, State, str, str | None], "SELECT * FROM app.order_list")
outer_view = statement(tuple[str, int | None], "SELECT name, order_id FROM app.all_customers")
filtered_view = statement(int, "SELECT order_id FROM app.all_customers WHERE order_id > 0")

# Aggregates, groups, windows
counted = statement(int, "SELECT count(*) FROM app.orders")
maximum = statement(datetime | None, "SELECT max(placed) FROM app.orders")
coalesced = statement(Decimal, "SELECT coalesce(sum(price), 0) FROM app.products")
grouped = statement(
    Totals,
    """SELECT count(*), sum(quantity * price) AS total
       FROM app.lines JOIN app.products USING (sku) GROUP BY order_id""",
)
gathered = statement(
    tuple[int, list[int]], "SELECT order_id, array_agg(line) FROM app.lines GROUP BY 1"
)
filtered_aggregate = statement(
    tuple[int, int | None],
    "SELECT count(*) FILTER (WHERE paid IS NULL), max(id) FILTER (WHERE paid IS NULL)::int "
    "FROM app.orders GROUP BY state",
)
grouping_sets = statement(
    tuple[State | None, int | None, int],
    "SELECT state, customer_id, count(*) FROM app.orders GROUP BY GROUPING SETS ((state), "
    "(customer_id), ())",
)
rollup = statement(
    tuple[int, str | None, int],
    "SELECT order_id, sku, count(*) FROM app.lines GROUP BY order_id, ROLLUP (sku)",
)
ranked = statement(
    tuple[str, int, int],
    "SELECT name, row_number() OVER (ORDER BY id), rank() OVER w FROM app.staff "
    "WINDOW w AS (PARTITION BY boss_id ORDER BY hired)",
)
running = statement(
    tuple[int, int, int | None],
    """SELECT line, sum(quantity) OVER (PARTITION BY order_id ORDER BY line
              ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), lag(line) OVER (ORDER BY line)
       FROM app.lines""",
)
having = statement(
    tuple[int, Decimal],
    "SELECT order_id, max(quantity * 1.5) FROM app.lines GROUP BY order_id HAVING count(*) > 1",
)

# Subqueries, set operations, WITH
scalar_count = statement(
    tuple[str, int],
    "SELECT name, (SELECT count(*) FROM app.orders o WHERE o.customer_id = c.id) "
    "FROM app.customers c",
)
exists = statement(
    bool, "SELECT EXISTS (SELECT FROM app.orders WHERE customer_id = 1) FROM app.customers"
)
array_subquery = statement(list[str], "SELECT ARRAY(SELECT name FROM app.staff)")
union = statement(
    Named, "SELECT id, name FROM app.customers UNION ALL SELECT id, name FROM app.staff"
)
union_null = statement(
    tuple[int, str | None],
    "SELECT id, phone FROM app.customers UNION SELECT id, name FROM app.staff",
)
intersected = statement(int, "SELECT boss_id FROM app.staff INTERSECT SELECT id FROM app.customers")
excepted = statement(int, "SELECT id FROM app.staff EXCEPT SELECT boss_id FROM app.staff")
recursive = statement(
    tuple[int, str, int],
    """WITH RECURSIVE below (id, name, depth) AS (
           SELECT id, name, 0 FROM app.staff WHERE boss_id IS NULL
           UNION ALL
           SELECT s.id, s.name, depth + 1 FROM app.staff s JOIN below b ON b.id = s.boss_id)
       SELECT * FROM below""",
)
recursive_path = statement(
    list[str],
    """WITH RECURSIVE up AS (
           SELECT boss_id, ARRAY[name] AS path FROM app.staff WHERE id = %s
           UNION ALL SELECT s.boss_id, up.path || s.name FROM app.staff s, up
           WHERE s.id = up.boss_id)
       SELECT path FROM up""",
)
with_change = statement(
    tuple[int, int],
    """WITH gone AS (DELETE FROM app.lines WHERE quantity = 0 RETURNING order_id, line)
       SELECT order_id, count(*) FROM gone GROUP BY order_id""",
)
values = statement(tuple[int, str], "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v (n, t)")
series = statement(int, "SELECT n FROM generate_series(1, 10) AS n")
ordinality = statement(
    tuple[str, int],
    "SELECT key, place FROM jsonb_each('{}') WITH ORDINALITY AS e (key, value, place)",
)

# Expressions
cased = statement(
    str, "SELECT CASE WHEN phone IS NULL THEN 'none' ELSE phone END FROM app.customers"
)
case_two = statement(
    int, "SELECT CASE state WHEN 'new' THEN 1 WHEN 'paid' THEN 2 ELSE 3 END FROM app.orders"
)
arithmetic = statement(Decimal, "SELECT (price * 2 - 1) / 3 FROM app.products")
cast_down = statement(int, "SELECT round(price * 100)::int FROM app.products")
text_functions = statement(
    str, "SELECT upper(trim(name)) || ' ' || left(email, 3) FROM app.customers"
)
greatest = statement(date, "SELECT greatest(born, '2000-01-01'::date) FROM app.customers")
comparison = statement(bool, "SELECT id > 5 AND name <> 'x' FROM app.customers")
null_tests = statement(
    tuple[bool, bool], "SELECT phone IS NULL, phone IS DISTINCT FROM name FROM app.customers"
)
clock = statement(tuple[datetime, date], "SELECT now(), current_date")
at_zone = statement(datetime, "SELECT placed AT TIME ZONE 'UTC' FROM app.orders")
year = statement(Decimal, "SELECT extract(year FROM placed) FROM app.orders")
json_object = statement(
    dict[str, Any], "SELECT jsonb_build_object('id', id, 'phone', phone) AS o FROM app.customers"
)
json_rows = statement(
    list[Named],
    "SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'name', name)), '[]') FROM app.staff",
)
json_text = statement(str | None, "SELECT settings ->> 'theme' FROM app.customers")
json_contains = statement(bool, "SELECT settings @> '{}' FROM app.customers")
whole_row = statement(dict[str, Any], "SELECT to_jsonb(s) FROM app.staff s")
sublink_any = statement(bool, "SELECT id = ANY (ARRAY[1, 2]) FROM app.staff")

# What the author knows better
marked = statement(Named, 'SELECT id, phone AS "name!" FROM app.customers')
marked_function = statement(int, 'SELECT app.unsure(1) AS "n!"')
marked_nested = statement(
    OrderWithCustomer,
    """SELECT o.id, c.id AS "customer.id!", c.name AS "customer.name!"
       FROM app.orders o LEFT JOIN app.customers c ON c.id = o.customer_id""",
)

# Changes
returning = statement(
    Named, "INSERT INTO app.customers (email, name) VALUES (%s, %s) RETURNING id, name"
)
upsert = statement(
    Priced,
    """INSERT INTO app.products (sku, title, price) VALUES (%(sku)s, %(title)s, %(price)s)
       ON CONFLICT (sku) DO UPDATE SET title = excluded.title RETURNING sku, price""",
)
do_nothing = statement(
    str, "INSERT INTO app.products VALUES ('a', 'b', 1) ON CONFLICT DO NOTHING RETURNING sku"
)
updated = statement(datetime, "UPDATE app.orders SET paid = now() WHERE id = %s RETURNING paid")
updated_from = statement(
    tuple[int, str],
    """UPDATE app.orders o SET state = 'sent' FROM app.customers c
       WHERE c.id = o.customer_id RETURNING o.id, c.name""",
)
kept = statement(str, "UPDATE app.customers SET name = 'x' WHERE phone = %s RETURNING phone")
deleted = statement(
    tuple[int, datetime], "DELETE FROM app.orders WHERE paid < now() RETURNING id, paid"
)
merged = statement(
    None,
    """MERGE INTO app.products p USING app.lines l ON l.sku = p.sku
       WHEN MATCHED THEN UPDATE SET weight = 1 WHEN NOT MATCHED THEN DO NOTHING""",
)

# Parameters
by_id = statement(Named, "SELECT id, name FROM app.staff WHERE id = %(id)s", params=ById)
by_tags = statement(int, "SELECT id FROM app.customers WHERE tags && %(tags)s", params=ByTags)
echoed = statement(int, "SELECT %(id)s::int", params=ById)
inserted = statement(
    str,
    """INSERT INTO app.products (sku, title, price, weight)
       VALUES (%(sku)s, %(title)s, %(price)s, %(weight)s) RETURNING sku""",
    params=NewProduct,
)
by_state = statement(
    int, "SELECT id FROM app.orders WHERE state = %(state)s", params={"state": State}
)
by_list = statement(
    int, "SELECT id FROM app.staff WHERE id = ANY(%(ids)s)", params={"ids": list[int]}
)
by_json = statement(
    None, "UPDATE app.customers SET settings = %(s)s", params={"s": liteorm.Json[list[int]]}
)
by_settings = statement(None, "UPDATE app.customers SET settings = %(s)s", params={"s": Settings})
by_text_uuid = statement(
    int, "SELECT id FROM app.orders WHERE reference = %(r)s", params={"r": str}
)
by_place = statement(
    int, "SELECT id FROM app.staff WHERE id > %s AND name = %s", params={"low": int, "name": str}
)
identifier = statement(int, liteorm.sql("SELECT {} FROM app.staff", liteorm.Ident("id")))

# The types that are sent
by_decimal = statement(int, "SELECT id FROM app.staff WHERE id = %(n)s", params={"n": Decimal})
within = statement(
    int, "SELECT id FROM app.orders WHERE placed > now() - %(l)s", params={"l": timedelta}
)
days_later = statement(
    int, "SELECT id FROM app.staff WHERE hired + %(n)s < now()", params={"n": int}
)
in_dates = statement(
    bool, "SELECT '[2024-01-01,2024-02-01)'::daterange @> %(d)s AS inside", params={"d": date}
)
in_times = statement(
    int, "SELECT 1 FROM app.products WHERE during @> %(at)s", params={"at": datetime}
)
json_element = statement(
    Any, "SELECT settings -> %(i)s AS item FROM app.customers", params={"i": int}
)
any_time = statement(
    bool, "SELECT '[2024-01-01,2024-02-01)'::tsrange @> %(at)s AS inside", params={"at": datetime}
)
maybe_after = statement(
    int,
    "SELECT id FROM app.staff WHERE %(day)s::date IS NULL OR hired > %(day)s",
    params={"day": date | None},
)
by_states = statement(
    int, "SELECT id FROM app.orders WHERE state = ANY(%(states)s)", params={"states": list[State]}
)
small_numbers = statement(
    list[int], "SELECT array_append(ARRAY[1], %(n)s::int) AS numbers", params={"n": int}
)
