"""Statements in .sql files."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

import liteorm
from liteorm._core.statements.files import LoadedStatement


@attrs.define
class User:
    """A row."""

    id: int
    name: str


@attrs.define
class ById:
    """Parameters."""

    id: int


GOOD = """\
-- Queries of users.

-- name: user_by_id :one -> User
-- params: ById
-- The user with an id.
-- There is only one.
SELECT id, name -- of the user
FROM users WHERE id = %(id)s;

-- name: all_users :all -> User
SELECT id, name FROM users

-- name: touch :execute
UPDATE users SET seen = now();
-- name:names:iter->str | None
SELECT name FROM users
-- name: last :optional -> datetime.datetime
SELECT max(seen) FROM users
-- name: pair :one -> tuple[int, list[str]]
SELECT 1, '{}'::text[]
"""


def test_statements_are_loaded_by_name(tmp_path: Path) -> None:
    """Headers give name, word, class and parameters; the rest is SQL, without its semicolon."""
    (tmp_path / "users.sql").write_text(GOOD, encoding="utf-8")
    found = liteorm.load(tmp_path)
    kinds = {name: (item.kind, item.model) for name, item in found.items()}
    assert kinds == {
        "user_by_id": ("one", User),
        "all_users": ("all", User),
        "touch": ("execute", None),
        "names": ("iter", str | None),
        "last": ("optional", datetime.datetime),
        "pair": ("one", tuple[int, list[str]]),
    }
    first = found.user_by_id
    assert first.sql == "SELECT id, name -- of the user\nFROM users WHERE id = %(id)s"
    assert first.doc == "The user with an id.\nThere is only one."
    assert first.params is ById
    assert (first.file, first.line, first.module) == (str(tmp_path / "users.sql"), 3, __name__)
    assert found.touch.sql == "UPDATE users SET seen = now()"
    assert isinstance(found["names"], LoadedStatement)
    assert len(found) == 6
    assert "all_users" in dir(found)
    assert repr(found).startswith("<Statements user_by_id, all_users")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Some editors write one in front of UTF-8, which is no SQL."""
    (tmp_path / "users.sql").write_text(GOOD.partition("\n\n")[2], encoding="utf-8-sig")
    assert "user_by_id" in liteorm.load(tmp_path)


def test_a_relative_path_is_the_callers(tmp_path: Path) -> None:
    """The folder is found next to the module that loads it, whatever the working directory."""
    (tmp_path / "queries" / "deep").mkdir(parents=True)
    (tmp_path / "queries" / "a.sql").write_text("-- name: one :one -> int\nSELECT 1")
    (tmp_path / "queries" / "deep" / "b.sql").write_text("-- name: two :one -> Two\nSELECT 2")
    module = tmp_path / "app.py"
    module.write_text("import liteorm\nTwo = int\nqueries = liteorm.load('queries/')\n")
    namespace: dict[str, Any] = {"__name__": "app"}
    exec(compile(module.read_text(), str(module), "exec"), namespace)
    assert namespace["queries"].two.model is int
    assert namespace["queries"].one.module == "app"


def test_models_may_be_named_elsewhere(tmp_path: Path) -> None:
    """`models=` says where the headers' types are looked up: a mapping or a module."""
    file = tmp_path / "a.sql"
    file.write_text("-- name: now :one -> datetime\nSELECT now()")
    assert liteorm.load(file, models=datetime).now.model is datetime.datetime
    assert liteorm.load(file, models={"datetime": str}).now.model is str


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT 1", "a.sql:1: SQL before the first header"),
        ("-- name: a :one -> int\nSELECT 1\n-- name b :one -> int\nSELECT 2", "a.sql:3: a header"),
        ("-- name: a b :one -> int\nSELECT 1", "a.sql:1: a header that is not understood"),
        ("-- name: a\nSELECT 1", "'a' needs one of the words :one, :optional, :all"),
        ("-- name: a :many -> int\nSELECT 1", "got :many"),
        ("-- name: a :one\nSELECT 1", "'a' is :one, which needs a class"),
        ("-- name: a :execute -> int\nSELECT 1", "'a' is :execute, which has no rows and no class"),
        ("-- name: a-b :one -> int\nSELECT 1", "'a-b' cannot be the name of an attribute"),
        ("-- name: _a :one -> int\nSELECT 1", "'_a' cannot be the name"),
        ("-- name: items :one -> int\nSELECT 1", "'items' is taken"),
        ("-- name: a :one -> int\n-- only a comment", "'a' has no SQL below its header"),
        ("-- name: a :one -> Usr\nSELECT 1", "'Usr' is not a type known here: did you mean User?"),
        ("-- name: a :one -> Nothing\nSELECT 1", "no such name"),
        ("-- name: a :one -> datetime.nope\nSELECT 1", "no nope in datetime"),
        ("-- name: a :one -> no_such.module.X\nSELECT 1", "No module named 'no_such'"),
        ("-- name: a :one -> print('x')\nSELECT 1", "expected a name, X | None or list[X]"),
        ("-- name: a :one -> int |\nSELECT 1", "'int |' is not a type known here"),
        (
            "-- name: a :one -> int\nSELECT 1\n\n-- name: a :one -> int\nSELECT 2",
            "a.sql:4: 'a' is already a statement, in a.sql:1",
        ),
    ],
)
def test_mistakes_in_headers_are_found_at_load(tmp_path: Path, text: str, sentence: str) -> None:
    """A wrong header is an error that names file and line, when the module is imported."""
    file = tmp_path / "a.sql"
    file.write_text(text)
    with pytest.raises(liteorm.StatementError) as caught:
        liteorm.load(file)
    assert sentence in str(caught.value)


def test_a_folder_without_sql_is_an_error(tmp_path: Path) -> None:
    """A wrong path is not an empty set of statements."""
    with pytest.raises(FileNotFoundError, match=r"no \.sql file in"):
        liteorm.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        liteorm.load(tmp_path / "nope.sql")


@pytest.mark.parametrize("models", [[int], (int,), int, "models"])
def test_types_are_given_by_name(tmp_path: Path, models: Any) -> None:
    """A list of classes has no names to find in headers."""
    file = tmp_path / "a.sql"
    file.write_text("-- name: one :one -> int\nSELECT 1")
    with pytest.raises(TypeError, match="models is a module, or a mapping"):
        liteorm.load(file, models=models)


def test_a_wrong_name_suggests_the_near_one(tmp_path: Path) -> None:
    """An unknown statement is an AttributeError that helps."""
    file = tmp_path / "a.sql"
    file.write_text("-- name: user_by_id :one -> int\nSELECT 1")
    with pytest.raises(AttributeError, match="did you mean 'user_by_id'"):
        _ = liteorm.load(file).user_by_ip


def test_blank_lines_and_comments_alone_mean_nothing(tmp_path: Path) -> None:
    """A file may have no statement; blank lines around SQL do not belong to it."""
    (tmp_path / "a.sql").write_text("-- nothing yet\n\n")
    (tmp_path / "b.sql").write_text("-- name: one :one -> int\n\nSELECT\n\n1\n\n;\n")
    found = liteorm.load(tmp_path)
    assert {name: item.sql for name, item in found.items()} == {"one": "SELECT\n\n1"}
