"""Declared statements, without a server: what they know of themselves."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

import liteorm
from liteorm._core.sql.placeholders import names_in, style_of
from liteorm._core.statements.statement import declared_in


@attrs.define
class User:
    """Something to scan into."""

    id: int


@pytest.mark.parametrize(
    ("sql", "style", "names"),
    [
        ("SELECT 1", "none", []),
        ("SELECT '%'", "none", []),
        ("SELECT 'a%%'", "none", []),
        ("SELECT %s", "positional", []),
        ("SELECT %b, %t", "positional", []),
        ("SELECT '%%s', %s", "positional", []),
        ("SELECT '%%(a)s'", "none", []),
        ("SELECT %(b)s, %(a)s, %(b)s", "named", ["b", "a"]),
        ("SELECT 'it''s %s' LIKE '%son'", "none", []),
        (r"""SELECT E'\'%s', $a$%s$a$, "%s" -- %s""", "none", []),
        ("SELECT '%son', %s", "positional", []),
    ],
)
def test_placeholders_tell_how_parameters_are_given(sql: str, style: str, names: list[str]) -> None:
    """The text alone says whether a statement takes positions, names or nothing."""
    assert style_of(sql) == style
    assert names_in(sql) == names


def test_a_statement_knows_where_it_is_declared() -> None:
    """File, line and module are those of the call."""
    line = sys._getframe().f_lineno + 1
    statement = liteorm.statement(User, "SELECT 1 AS id")
    assert (statement.line, Path(statement.file)) == (line, Path(__file__))
    assert statement.module == __name__
    assert statement in declared_in(__name__)


def test_a_forgotten_statement_is_not_listed() -> None:
    """The list of declared statements keeps none of them alive."""
    statement = liteorm.statement(User, "SELECT 2 AS id")
    number = id(statement)
    del statement
    gc.collect()
    assert number not in {id(item) for item in declared_in(__name__)}


@pytest.mark.parametrize(
    ("sql", "args", "named", "sentence"),
    [
        ("SELECT %(id)s", (1,), {}, "takes its parameters by name: id"),
        ("SELECT %s", (), {"id": 1}, r"by position \(%s\), not by name"),
        ("SELECT 1", (1,), {}, "takes no parameters"),
        ("SELECT 1", (), {"id": 1}, "takes no parameters"),
        ("SELECT '%s'", (1,), {}, "a placeholder in quotes or a comment is just text"),
        ("SELECT %s, %(id)s", (1,), {}, "takes its parameters by name: id"),
    ],
)
def test_parameters_of_the_wrong_kind_are_refused(
    sql: Any, args: Any, named: Any, sentence: str
) -> None:
    """A call that cannot be meant is refused before anything is sent."""
    statement = liteorm.statement(User, sql)
    with pytest.raises(TypeError, match=sentence):
        statement._sent(args, named)


def test_identifiers_in_a_statement_survive_the_driver() -> None:
    """A % in an identifier is doubled if, and only if, the statement has placeholders."""
    name = liteorm.Ident("%s")
    assert liteorm.statement(User, liteorm.sql("SELECT {} AS id", name)).sql == (
        'SELECT "%s" AS id'
    )
    assert liteorm.statement(User, liteorm.sql("SELECT {} + %s AS id", name)).sql == (
        'SELECT "%%s" + %s AS id'
    )


def test_repr_names_the_model() -> None:
    """A statement shows what it gives."""
    assert repr(liteorm.statement(User, "SELECT 1")) == "<Statement unnamed -> User>"


def test_a_statement_may_be_a_template() -> None:
    """The values in a t-string are sent with every call, which takes no parameters then."""
    template: Any = type("Template", (tuple,), {"__module__": "string.templatelib"})
    value = attrs.make_class("Interpolation", ["value", "format_spec", "conversion", "expression"])(
        1, "", None, "x"
    )
    statement = liteorm.statement(int, template(["SELECT ", value]))
    assert statement.sql == "SELECT %s"
    assert statement._sent((), {})[1] == [1]
    with pytest.raises(TypeError, match="takes no parameters"):
        statement._sent((5,), {})
