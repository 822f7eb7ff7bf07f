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
        ("SELECT %s", (), {}, r"takes 1 parameter \(%s\), and got 0"),
        ("SELECT %s", (1, 2), {}, r"takes 1 parameter \(%s\), and got 2$"),
        (
            "SELECT %s, %s",
            ([1, 2],),
            {},
            r"2 parameters .* got 1: give them one by one, not in a l",
        ),
    ],
)
def test_parameters_of_the_wrong_kind_are_refused(
    sql: Any, args: Any, named: Any, sentence: str
) -> None:
    """A call that cannot be meant is refused before anything is sent."""
    statement = liteorm.statement(User, sql)
    with pytest.raises(TypeError, match=sentence):
        statement._call(*args, **named)


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
    assert statement._call()[1] == [1]
    with pytest.raises(TypeError, match="takes no parameters"):
        statement._call(5)


@pytest.mark.parametrize(
    ("sql", "sentence", "remedy"),
    [
        (
            "SELECT %(id)s\nLIKE '%(q)s%%'",
            "line 2 of the SQL: %(q)s stands inside quotes",
            "outside",
        ),
        ("SELECT %s, $$ %s $$", "%s stands inside quotes, where no value is put in", "outside"),
        ('SELECT %s AS "%s"', "%s stands inside quotes", "outside"),
    ],
)
def test_wrong_placeholders_are_refused_where_they_are_declared(
    sql: Any, sentence: str, remedy: str
) -> None:
    """Not only at the first call, and not by losing a value."""
    with pytest.raises(liteorm.StatementError) as caught:
        liteorm.statement(int, sql)
    assert sentence in str(caught.value)
    assert remedy in str(caught.value)


def test_wrong_placeholders_of_a_choice_say_of_which() -> None:
    """The text of a word is sent like the rest."""
    choices: Any = {"by": {"id": "id", "odd": "id + %(a)s", "text": "'%(a)s'"}}
    with pytest.raises(liteorm.StatementError, match=r"choice by, 'text': %\(a\)s stands inside"):
        liteorm.statement(int, "SELECT %(a)s ORDER BY {by}", choices=choices)


def test_a_placeholder_in_a_comment_may_stand_beside_others() -> None:
    """A condition that is commented out loses nothing."""
    statement = liteorm.statement(int, "SELECT %(a)s -- AND b = %(b)s\n")
    assert statement.names == ("a", "b")


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        (["by"], "maps each name in braces to its words .* it is a list"),
        ({"by": ["id"]}, "choice by: its words and their SQL are a mapping, .* not list"),
        ({"by": {1: "id"}}, "choice by: a word is a str, not int"),
        ({1: {"id": "id"}}, "a choice has a str for its name, not int"),
    ],
)
def test_choices_of_another_kind_are_refused(choices: Any, sentence: str) -> None:
    """A declaration is not left with an error from within."""
    with pytest.raises(TypeError, match=sentence):
        liteorm.statement(int, "SELECT id ORDER BY {by}", choices=choices)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"extra": "allow"}, ValueError, "extra is 'allow'; expected 'error' or 'ignore'"),
        ({"timeout": "5"}, TypeError, "timeout must be a number of seconds, or None, not str"),
        ({"timeout": 0}, ValueError, "timeout must be positive"),
        ({"timeout": float("nan")}, ValueError, "timeout must be positive"),
    ],
)
def test_options_that_no_call_could_use_are_refused(
    options: Any, error: type[Exception], sentence: str
) -> None:
    """At the declaration, not at its calls."""
    with pytest.raises(error, match=sentence):
        liteorm.statement(int, "SELECT 1", **options)


def test_a_class_may_hold_statements() -> None:
    """With `@staticmethod` on either side of the declaration."""

    class Queries:
        @liteorm.statement(int, "SELECT %(id)s::int")
        @staticmethod
        def below(id: int) -> None: ...

        @staticmethod
        @liteorm.statement(int, "SELECT %(id)s::int")
        def above(id: int) -> None: ...

    for statement in (Queries.below, Queries.above, Queries().below):
        assert statement._call(id=1)[1] == {"id": 1}
    assert Queries.below.name == "below"


def test_a_method_is_no_declaration() -> None:
    """There is no object that it could be called on."""

    def method(self: object, id: int) -> None: ...

    make: Any = classmethod

    with pytest.raises(liteorm.StatementError, match="has no self: write @staticmethod below"):
        liteorm.statement(int, "SELECT %(id)s::int")(method)
    with pytest.raises(TypeError, match="not classmethod; inside a class write @staticmethod"):
        liteorm.statement(int, "SELECT %(id)s::int")(make(method))
