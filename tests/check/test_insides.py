"""What is inside rows, arrays and JSON that a statement makes: types, names and NULLs."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypedDict

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm._check import check_all
from liteorm._check.answers import LiveAnswers
from liteorm._check.subjects import Subject
from liteorm_testing import Server, database

SCHEMA = """
CREATE TABLE a (id int PRIMARY KEY, name text NOT NULL, day date NOT NULL, price numeric NOT NULL);
CREATE TABLE b (id int PRIMARY KEY, a_id int NOT NULL REFERENCES a, note text NOT NULL, tag text);
CREATE TYPE noted AS (note text, gone int, id int);
ALTER TYPE noted DROP ATTRIBUTE gone;
CREATE TABLE lists (id int NOT NULL, note text NOT NULL, tags text[] NOT NULL, grid int[] NOT NULL);
INSERT INTO lists VALUES (1, 'n', '{a}', '{{1}}');
CREATE FUNCTION own(a) RETURNS jsonb LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
INSERT INTO a VALUES (1, 'one', '2024-01-01', 1.5), (2, 'two', '2024-01-02', 2);
INSERT INTO b VALUES (1, 1, 'n', NULL), (2, 1, 'm', 't');
"""


@attrs.define
class B:
    """A note."""

    id: int
    note: str


@attrs.define
class BTag:
    """A note with its tag."""

    id: int
    tag: str


@attrs.define
class BMaybe:
    """A note with a tag, or none."""

    id: int
    tag: str | None


@attrs.define
class BWrong:
    """A field of another type."""

    id: str
    note: str


@attrs.define
class Extra:
    """A field that is not there."""

    id: int
    note: str
    other: str


class Item(TypedDict):
    """A dict."""

    id: int
    note: str


@attrs.define
class Tags:
    """Lists inside."""

    id: int
    tags: list[str]
    grid: list[list[int]]


@attrs.define
class TagsWrong:
    """A list of something else."""

    id: int
    tags: list[int]


@attrs.define
class A:
    """Its notes inside."""

    id: int
    notes: list[B]


@attrs.define
class Whole:
    """A row of a."""

    id: int
    name: str
    day: datetime.date
    price: Decimal


JOIN = "FROM a LEFT JOIN b ON b.a_id = a.id GROUP BY a.id"
EACH = "FROM a LEFT JOIN b ON b.a_id = a.id"
RIGHT: list[tuple[Any, str]] = [
    (BMaybe | None, f"SELECT to_jsonb(b) {EACH}"),
    (BMaybe | None, f"SELECT row_to_json(b.*) {EACH}"),
    (BMaybe | None, f"SELECT CASE WHEN b.id IS NOT NULL THEN to_jsonb(b) END {EACH}"),
    (BMaybe | None, f"SELECT to_jsonb(q.b) FROM (SELECT b {EACH}) q"),
    (BMaybe | None, "SELECT to_json(q) FROM a LEFT JOIN (SELECT * FROM b OFFSET 0) q USING (id)"),
    (list[BMaybe | None], f"SELECT jsonb_agg(b) {JOIN}"),
    (
        list[BMaybe | None],
        "SELECT array_agg(q) FROM a LEFT JOIN (SELECT id, tag FROM b) q ON q.id > a.id"
        " GROUP BY a.id",
    ),
    (
        B | None,
        "SELECT CASE WHEN b.id IS NULL THEN NULL"
        f" ELSE jsonb_build_object('id', b.id, 'note', b.note) END {EACH}",
    ),
    (
        BTag | None,
        "SELECT CASE WHEN b.id > 9 THEN NULL WHEN tag IS NOT NULL"
        " THEN jsonb_build_object('id', id, 'tag', tag) END FROM b",
    ),
    (B, "SELECT ROW(note, id)::noted FROM b"),
    (Tags, "SELECT to_jsonb(lists) FROM lists"),
    (list[list[str]], "SELECT coalesce(jsonb_agg(tags), '[]') FROM lists"),
    (tuple[bool, bool, int], "SELECT ROW(tag IS NULL, id = ANY ('{1}'), (SELECT 1)) FROM b"),
    (list[str], "SELECT array_agg(b.note) FROM b GROUP BY a_id"),
    (list[str | None], f"SELECT array_agg(b.note) {JOIN}"),
    (list[str] | None, f"SELECT array_agg(b.note) FILTER (WHERE b.id IS NOT NULL) {JOIN}"),
    (list[B], "SELECT ARRAY(SELECT ROW(b.id, b.note) FROM b WHERE b.a_id = a.id) FROM a"),
    (list[B | None], f"SELECT array_agg(ROW(b.id, b.note)) {JOIN}"),
    (list[BMaybe], "SELECT jsonb_agg(b) FROM b GROUP BY a_id"),
    (list[B], "SELECT coalesce(jsonb_agg(q), '[]') FROM (SELECT id, note FROM b) q"),
    (list[Item], "SELECT coalesce(json_agg(q), '[]') FROM (SELECT id, note FROM b) q"),
    (B, "SELECT json_build_object('id', id, 'note', note) FROM b"),
    (B, "SELECT jsonb_build_object('id', id, 'note', coalesce(tag, '')) FROM b"),
    (BMaybe, "SELECT row_to_json(b) FROM b"),
    (BMaybe, "SELECT to_jsonb(b.*) FROM b"),
    (Whole, "SELECT to_jsonb(a) FROM a"),
    (Whole, "SELECT row_to_json(x)::jsonb FROM (SELECT * FROM a) x"),
    (B | None, "SELECT (SELECT to_jsonb(b) FROM b WHERE b.id = a.id) FROM a"),
    (
        list[B],
        "SELECT coalesce(jsonb_agg(jsonb_build_object('id', b.id, 'note', b.note))"
        f" FILTER (WHERE b.id IS NOT NULL), '[]') AS notes {JOIN}",
    ),
    (
        list[A],
        "SELECT coalesce(jsonb_agg(q), '[]') FROM (SELECT a.id, coalesce((SELECT jsonb_agg(n)"
        " FROM (SELECT id, note FROM b WHERE a_id = a.id) n), '[]') AS notes FROM a) q",
    ),
    (dict[str, Any], "SELECT to_jsonb(b) FROM b"),
    (Any, f"SELECT array_agg(b.note) {JOIN}"),
    (list[int], "SELECT jsonb_build_array(1, 2)"),
    (list[int], "SELECT ARRAY[id, a_id] FROM b"),
    (tuple[int, str], "SELECT ROW(id, note) FROM b"),
    (
        B,
        "SELECT jsonb_build_object('id', id, 'note', note) FROM b"
        " UNION ALL SELECT jsonb_build_object('id', 3, 'note', 'x')",
    ),
    (BMaybe | None, "SELECT NULL::jsonb UNION ALL SELECT to_jsonb(b) FROM b"),
    (list[str], "SELECT tags FROM lists UNION ALL SELECT ARRAY['a'] UNION ALL SELECT '{}'"),
    (
        list[BMaybe],
        "SELECT jsonb_agg(q) FROM (SELECT id, tag FROM b EXCEPT SELECT 9, 'x') q GROUP BY id",
    ),
    (
        list[BMaybe],
        "WITH RECURSIVE r AS (SELECT id, tag FROM b UNION ALL SELECT id + 9, tag FROM r"
        " WHERE id < 9) SELECT jsonb_agg(r) FROM r GROUP BY id",
    ),
    (
        B,
        "WITH RECURSIVE r AS (SELECT 1 AS n, jsonb_build_object('id', id, 'note', note) AS j FROM b"
        " UNION ALL SELECT n + 1, j FROM r WHERE n < 3) SELECT j FROM r",
    ),
    (list[B], "SELECT jsonb_agg(v) FROM (VALUES (1, 'a'), (2, 'b')) v (id, note) GROUP BY id"),
    (list[str], "SELECT x FROM (VALUES (ARRAY['a', 'b']), ('{}')) v (x)"),
    (list[str], "SELECT tags || 'x'::text || ARRAY[note] FROM lists"),
    (list[str], "SELECT coalesce(nullif(tags, '{}'), ARRAY[]::text[]) FROM lists"),
    (list[str], "SELECT array_replace(tags, 'a', 'b') FROM lists"),
    (tuple[int, str, str | None], "SELECT json_build_array(id, note, tag) FROM b"),
    (list[tuple[int, str]], "SELECT jsonb_agg(jsonb_build_array(id, note)) FROM b GROUP BY a_id"),
    (list[int], "SELECT jsonb_build_array(id, a_id) FROM b UNION ALL SELECT jsonb_build_array()"),
    (B, "SELECT x FROM b, jsonb_build_object('id', id, 'note', note) x"),
    (BMaybe, "SELECT jsonb_build_object('id', 1, 'tag', NULL)"),
    (
        list[str],
        "SELECT coalesce((SELECT array_replace(tags, 'a', b.note) FROM lists l"
        " WHERE l.id = b.id AND (SELECT count(*) FROM a WHERE name = (ARRAY[b.tag])[l.id]) >= 0),"
        " '{}') FROM b",
    ),
    (list[str], "SELECT array_agg(note) OVER (ORDER BY id) FROM b"),
    (BMaybe, "SELECT first_value(to_jsonb(b)) OVER (ORDER BY id) FROM b"),
    (list[BMaybe], "SELECT jsonb_agg(b) OVER (ORDER BY id) FROM b"),
    (
        Tags,
        "INSERT INTO lists VALUES (2, 'x', '{b}', '{{1}}') RETURNING to_jsonb(lists)",
    ),
    (
        list[Tags],
        "WITH i AS (INSERT INTO lists VALUES (3, 'x', '{b}', '{{1}}') RETURNING *)"
        " SELECT jsonb_agg(i) FROM i GROUP BY id",
    ),
]
WRONG: list[tuple[Any, str, str, str]] = [
    (list[BMaybe], f"SELECT jsonb_agg(b) {JOIN}", "inside-null", "an element of column"),
    (list[str], f"SELECT array_agg(b.note) {JOIN}", "inside-null", "an element of column"),
    (list[str], "SELECT array_agg(tag) FROM b GROUP BY a_id", "inside-null", "element"),
    (
        B | None,
        "SELECT CASE WHEN a.id > 9 THEN NULL"
        f" ELSE jsonb_build_object('id', b.id, 'note', b.note) END {EACH}",
        "inside-null",
        '"id" in',
    ),
    (
        BTag | None,
        "SELECT CASE WHEN tag IS NOT NULL THEN"
        " jsonb_build_object('id', id, 'tag', first_value(tag) OVER (ORDER BY id)) END FROM b",
        "inside-null",
        '"tag" in',
    ),
    (B, "SELECT ROW(tag, id)::noted FROM b", "inside-null", '"note" in'),
    (TagsWrong, "SELECT to_jsonb(lists) FROM lists", "inside-type", '"tags" in'),
    (list[list[str]], "SELECT jsonb_agg(grid) FROM lists GROUP BY id", "inside-type", "element"),
    (tuple[str, int], "SELECT ROW(tag IS NULL, id) FROM b", "inside-type", "is boolean"),
    (tuple[int, int], "SELECT ROW((SELECT note), id) FROM b", "inside-type", "is text"),
    (list[str], "SELECT ARRAY[note, tag] FROM b", "inside-null", "element"),
    (list[B], f"SELECT array_agg(ROW(b.id, b.note)) {JOIN}", "inside-null", '"f1" in'),
    (list[BTag], "SELECT ARRAY(SELECT ROW(id, tag) FROM b)", "inside-null", '"f2" in'),
    (list[BWrong], "SELECT ARRAY(SELECT ROW(id, note) FROM b)", "inside-type", "is integer (int)"),
    (list[B], "SELECT ARRAY(SELECT ROW(id) FROM b)", "inside-names", "fields id, note"),
    (list[BTag], "SELECT jsonb_agg(b) FROM b GROUP BY a_id", "inside-null", '"tag" in an element'),
    (list[BMaybe], f"SELECT jsonb_agg(b) {JOIN}", "inside-null", "an element of column"),
    (list[Extra], "SELECT jsonb_agg(b) FROM b GROUP BY a_id", "inside-names", "id, a_id, note"),
    (BWrong, "SELECT to_jsonb(b) FROM b", "inside-type", '"id" in column "to_jsonb"'),
    (B, "SELECT json_build_object('id', id, 'notes', note) FROM b", "inside-names", "id, notes"),
    (B, "SELECT json_build_object('id', note, 'note', note) FROM b", "inside-type", "text"),
    (BTag, "SELECT row_to_json(b) FROM b", "inside-null", '"tag" in column "row_to_json"'),
    (
        Whole,
        "SELECT jsonb_build_object('id', id, 'name', name, 'day', now(), 'price', 1) FROM a",
        "inside-type",
        '"day" in',
    ),
    (
        list[A],
        "SELECT jsonb_agg(q) FROM (SELECT a.id, (SELECT jsonb_agg(n) FROM (SELECT id, tag AS note"
        " FROM b WHERE a_id = a.id) n) AS notes FROM a) q HAVING count(*) > 0",
        "inside-null",
        '"notes" in an element of column',
    ),
    (dict[str, int], "SELECT to_jsonb(q) FROM (SELECT id, note FROM b) q", "inside-type", "note"),
    (B, "SELECT jsonb_strip_nulls(to_jsonb(b)) FROM b", "inside-unknown", "not followed"),
    (dict[str, B], "SELECT jsonb_object_agg(id, b) FROM b GROUP BY a_id", "inside-unknown", "not"),
    (list[int], "SELECT jsonb_build_array(id, note) FROM b", "inside-type", "element"),
    (
        BTag,
        "SELECT jsonb_build_object('id', 3, 'tag', 'x')"
        " UNION ALL SELECT jsonb_build_object('id', id, 'tag', tag) FROM b",
        "inside-null",
        '"tag" in',
    ),
    (
        B,
        "SELECT to_jsonb(q) FROM (SELECT id, note FROM b) q"
        " UNION ALL SELECT jsonb_build_object('id', 1, 'notes', 'x')",
        "inside-unknown",
        "not followed",
    ),
    (list[str], "SELECT tags FROM lists UNION SELECT ARRAY[tag] FROM b", "inside-null", "element"),
    (
        list[BTag],
        "SELECT jsonb_agg(q) FROM (SELECT id, tag FROM b UNION SELECT 9, 'x') q GROUP BY id",
        "inside-null",
        '"tag" in',
    ),
    (
        BTag,
        "WITH RECURSIVE r AS (SELECT 1 AS n, jsonb_build_object('id', id, 'tag', tag) AS j FROM b"
        " UNION ALL SELECT n + 1, j FROM r WHERE n < 3) SELECT j FROM r",
        "inside-null",
        '"tag" in',
    ),
    (
        B,
        "WITH RECURSIVE r AS (SELECT 1 AS n, jsonb_build_object('id', id, 'note', note) AS j FROM b"
        " UNION ALL SELECT n + 1, jsonb_build_object('id', j) FROM r WHERE n < 3) SELECT j FROM r",
        "inside-unknown",
        "not followed",
    ),
    (
        list[BTag],
        "WITH RECURSIVE r AS (SELECT id, tag FROM b UNION ALL SELECT id + 9, tag FROM r"
        " WHERE id < 9) SELECT jsonb_agg(r) FROM r GROUP BY id",
        "inside-null",
        '"tag" in',
    ),
    (B, "SELECT x FROM (VALUES ('{}'::jsonb), (to_jsonb(1))) v (x)", "inside-unknown", "not"),
    (
        list[str],
        "SELECT x FROM (VALUES (ARRAY['a', NULL]), ('{}')) v (x)",
        "inside-null",
        "element",
    ),
    (list[str], "SELECT tags || tag FROM lists, b", "inside-null", "element"),
    (list[str], "SELECT array_prepend(tag, tags) FROM lists, b", "inside-null", "element"),
    (list[str], "SELECT array_agg(tag) || tags FROM lists, b GROUP BY tags", "inside-null", "elem"),
    (list[str], "SELECT array_replace(tags, 'a', tag) FROM lists, b", "inside-unknown", "not"),
    (list[str], "SELECT array_fill(tag, '{2}') FROM b", "inside-unknown", "not followed"),
    (tuple[str, int], "SELECT json_build_array(id, note) FROM b", "inside-type", '"0" in'),
    (tuple[int, str], "SELECT json_build_array(id, tag) FROM b", "inside-null", '"1" in'),
    (tuple[int, str], "SELECT json_build_array(id) FROM b", "inside-names", "has 1 elements"),
    (tuple[int, str], "SELECT json_agg(id) FROM b GROUP BY a_id", "inside-unknown", "not followed"),
    (
        tuple[int, str],
        "SELECT json_build_array(id, note) FROM b UNION ALL SELECT json_build_array(1)",
        "inside-unknown",
        "not followed",
    ),
    (B, "SELECT x FROM b, jsonb_build_object('id', id, 'note', tag) x", "inside-null", '"note" in'),
    (B, "SELECT jsonb_build_object('id', '1', 'note', 'x')", "inside-type", '"id" in'),
    (
        BTag,
        "SELECT jsonb_set((SELECT to_jsonb(q) FROM b q WHERE q.id = b.id), '{id}', '1') FROM b",
        "inside-unknown",
        "not followed",
    ),
    (list[str], "SELECT string_to_array(note, 'x', '') FROM b", "inside-unknown", "not followed"),
    (list[str], "SELECT max(ARRAY[tag]) FROM b GROUP BY a_id", "inside-unknown", "not followed"),
    (list[str], "SELECT array_agg(tag) OVER () FROM b", "inside-null", "element"),
    (list[str], "SELECT first_value(ARRAY[tag]) OVER () FROM b", "inside-null", "element"),
    (
        BTag,
        "INSERT INTO b VALUES (9, 1, 'n', NULL) RETURNING to_jsonb(b)",
        "inside-null",
        '"tag" in',
    ),
    (
        list[BTag],
        "WITH u AS (UPDATE b SET note = note RETURNING *) SELECT jsonb_agg(u) FROM u GROUP BY id",
        "inside-null",
        '"tag" in',
    ),
    (
        list[B],
        "SELECT jsonb_agg(r) FROM jsonb_to_recordset('[]') r (id int, note text) GROUP BY id",
        "inside-unknown",
        "not followed",
    ),
]


@pytest.fixture(scope="module")
def db(liteorm_server: Server) -> Iterator[postgres.DB]:
    """Two tables."""
    with database(liteorm_server, SCHEMA) as made, postgres.open(made.dsn, max_size=1) as opened:
        yield opened


def found(db: postgres.DB, model: Any, sql: Any) -> list[Any]:
    """Return what is found in a statement."""
    item = liteorm.statement(tuple[model], sql)
    subject = Subject("statement", "item", __name__, __file__, 1, item)
    return check_all(LiveAnswers(db), [subject])


@pytest.mark.parametrize(("model", "sql"), RIGHT)
def test_what_fits_passes(db: postgres.DB, model: Any, sql: Any) -> None:
    """Nothing is said, and the rows scan."""
    assert [str(finding) for finding in found(db, model, sql)] == []
    liteorm.scan(db.query(sql), tuple[model])


@pytest.mark.parametrize(("model", "sql", "code", "words"), WRONG)
def test_what_does_not_fit_is_said(
    db: postgres.DB, model: Any, sql: Any, code: str, words: str
) -> None:
    """It is said where, and the wording names the part."""
    findings = found(db, model, sql)
    assert code in [finding.code for finding in findings]
    assert any(words in finding.message for finding in findings if finding.code == code)
