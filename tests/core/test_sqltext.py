"""SQL with identifiers chosen at run time."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import liteorm
from liteorm import Ident
from liteorm._core.sql.text import quoted, rendered


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("users",), '"users"'),
        (("app", "Users"), '"app"."Users"'),
        (('we"ird',), '"we""ird"'),
        (("select",), '"select"'),
        (("dot.ted",), '"dot.ted"'),
        (("größe 🙂",), '"größe 🙂"'),
        (("a\nb",), '"a\nb"'),
        (("50%s",), '"50%s"'),
    ],
)
def test_identifiers_are_always_quoted(names: tuple[str, ...], text: str) -> None:
    """A name is quoted whatever it is, so case and every character count."""
    assert quoted(*names) == text
    assert str(Ident(*names)) == text


@pytest.mark.parametrize(
    ("names", "error", "sentence"),
    [
        (("a\0b",), liteorm.DataError, "NUL"),
        (("",), liteorm.DataError, "at least one character"),
        (("app", ""), liteorm.DataError, "at least one character"),
        ((), TypeError, "at least one name"),
        ((5,), TypeError, "a str, not int"),
    ],
)
def test_what_is_no_identifier_is_refused(
    names: Any, error: type[Exception], sentence: str
) -> None:
    """A name that PostgreSQL could not have is refused when it is made."""
    with pytest.raises(error, match=sentence):
        Ident(*names)


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_quoting_can_be_undone(name: str) -> None:
    """Quotes around, quotes inside doubled: nothing of a name ends its own quotes."""
    text = quoted(name)
    assert text[0] == text[-1] == '"'
    assert text[1:-1].replace('""', '"') == name
    assert text[1:-1].replace('""', "").count('"') == 0


def test_parts_take_the_place_of_braces() -> None:
    """Identifiers and other SQL are put in by position and by name; doubled braces stay."""
    columns = liteorm.sql(", ").join([Ident("id"), Ident("name")])
    statement = liteorm.sql(
        "SELECT {}, '{{}}' FROM {table} ORDER BY {}", columns, Ident("id"), table=Ident("app", "u")
    )
    assert statement.text() == 'SELECT "id", "name", \'{}\' FROM "app"."u" ORDER BY "id"'


@pytest.mark.parametrize(
    ("text", "parts", "named", "error", "sentence"),
    [
        ("SELECT {}", (), {}, ValueError, "more {} than there are parts"),
        ("SELECT {} {}", (Ident("a"),), {}, ValueError, "more {} than"),
        ("SELECT 1", (Ident("a"),), {}, ValueError, "no place for 1 of the parts"),
        ("SELECT {a}", (), {}, ValueError, "names {a}"),
        ("SELECT 1", (), {"a": Ident("a")}, ValueError, "no place for 1 of the parts: a"),
        ("SELECT {1}", (Ident("a"),), {}, ValueError, "has {1}, and only 1 parts to count"),
        ("SELECT {} {0}", (Ident("a"),), {}, ValueError, "both {} and {0}"),
        ("SELECT {0}", (1, 2), {}, ValueError, "no place for 1 of the parts: {}"),
        ("SELECT {:i}", (5,), {}, TypeError, "{} is an identifier: a str or an Ident, not int"),
        ("SELECT {:x}", (Ident("a"),), {}, ValueError, "neither a format nor a conversion"),
        ("SELECT {!r}", (Ident("a"),), {}, ValueError, "neither a format nor a conversion"),
        ("SELECT '{'", (), {}, ValueError, "write it twice, {{ or }}"),
        ("SELECT '}'", (), {}, ValueError, "write it twice, {{ or }}"),
    ],
)
def test_braces_and_parts_must_match(
    text: Any, parts: Any, named: Any, error: type[Exception], sentence: str
) -> None:
    """What does not match is refused, with the reason; a string is never put in."""
    with pytest.raises(error) as caught:
        liteorm.sql(text, *parts, **named)
    assert sentence in str(caught.value)


def test_a_percent_sign_in_an_identifier_survives_the_driver() -> None:
    """It is doubled when parameters are sent along, and only then."""
    statement = liteorm.sql("SELECT {} FROM t WHERE id = %s", Ident("50%"))
    assert rendered(statement, [1]) == ('SELECT "50%%" FROM t WHERE id = %s', [1])
    assert rendered(liteorm.sql("SELECT {}", Ident("50%"))) == ('SELECT "50%"', None)


EVIL = "'; DROP TABLE users; --"


@pytest.mark.parametrize(
    ("made", "text", "values"),
    [
        (liteorm.sql("a = {}", 5), "a = %s", [5]),
        (liteorm.sql("a = {}", EVIL), "a = %s", [EVIL]),
        (liteorm.sql("a = {x} OR b = {x}", x=None), "a = %s OR b = %s", [None, None]),
        (liteorm.sql("{1} {0} {1}", 1, 2), "%s %s %s", [2, 1, 2]),
        (liteorm.sql("{text} {self} {a b}", text=1, self=2, **{"a b": 3}), "%s %s %s", [1, 2, 3]),
        (liteorm.sql("{by:i} {}", 1, by="a%"), '"a%%" %s', [1]),
        (liteorm.sql("5 % 2, '%s', {}", 1), "5 %% 2, '%%s', %s", [1]),
        (liteorm.sql("{} {}", [1, 2], {"a": 1}), "%s %s", [[1, 2], {"a": 1}]),
        (liteorm.sql(" ").join([liteorm.sql("a{}", 1), 2, Ident("b")]), 'a%s %s "b"', [1, 2]),
        (liteorm.sql("{} ", 7).join(["x", "y"]), "%s%s %s", ["x", 7, "y"]),
    ],
)
def test_values_are_sent_as_parameters(made: liteorm.Sql, text: str, values: list[Any]) -> None:
    """What is neither an Ident nor a Sql is a parameter, in the order of the text."""
    assert rendered(made) == (text, values)
    assert str(made) == text
    with pytest.raises(TypeError, match="carries its own values; params must be None"):
        rendered(made, [1])
    with pytest.raises(TypeError, match="carries its own values"):
        rendered(made, ())


def test_pieces_with_values_nest() -> None:
    """Each piece brings its values along, and pieces of the same names do not meet."""
    one, other = (liteorm.sql("a = {x}", x=value) for value in (1, 2))
    both = liteorm.sql("SELECT {} WHERE {x} OR {y}", 0, x=one, y=other)
    assert rendered(both) == ("SELECT %s WHERE a = %s OR a = %s", [0, 1, 2])
    assert rendered(liteorm.sql("{}", Template(["5 % ", Interpolation(3)]))) == ("5 %% %s", [3])
    assert rendered(liteorm.sql("{} %s", Template(["5 % 3"])), [1]) == ("5 %% 3 %s", [1])
    assert rendered(Template([Interpolation(one), " AND ", Interpolation("b")])) == (
        "a = %s AND %s",
        [1, "b"],
    )


def test_templates_are_joined_like_other_pieces() -> None:
    """A t-string between pieces means what it means alone."""
    where = Template(["n % ", Interpolation(2), " = 0"])
    both = liteorm.sql(" AND ").join([where, Template([Interpolation("a%", "i"), " > 3"])])
    assert rendered(both) == ('n %% %s = 0 AND "a%%" > 3', [2])
    assert rendered(Template(["SELECT ", Interpolation(both)]))[1] == [2]


def test_a_sql_is_not_made_of_text() -> None:
    """The constructor refuses what a user may have typed; a repr shows no value."""
    make: Any = liteorm.Sql
    for args in ((EVIL,), ((EVIL,),), ()):
        with pytest.raises(TypeError, match=r"write liteorm.sql\(...\)"):
            make(*args)
    assert "secret" not in repr(liteorm.sql("a = {}", "secret"))


def test_sql_with_values_is_a_value() -> None:
    """Equal values make equal pieces, and what cannot be hashed by itself is no hindrance."""
    one, two, three = (liteorm.sql("a = ANY({})", ids) for ids in ([1], [1], [2]))
    assert one == two != three
    assert hash(one) == hash(two)


@attrs.define
class Person:
    """A model with a name of its own for a column, and a nested class."""

    id: int
    _secret: str
    full: Annotated[str, liteorm.Column(name="Full name")]
    friend: Person | None = None


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (liteorm.columns(Person), '"id", "secret", "Full name", "friend"'),
        (liteorm.columns(Person, "p"), '"p"."id", "p"."secret", "p"."Full name", "p"."friend"'),
        (
            liteorm.columns(Person, into="a.b"),
            '"id" AS "a.b.id", "secret" AS "a.b.secret", "Full name" AS "a.b.Full name",'
            ' "friend" AS "a.b.friend"',
        ),
        (liteorm.sql("SELECT {} FROM x", liteorm.columns(TypedDict("D", {"a": int}), "x")), None),
    ],
)
def test_columns_are_those_of_the_fields(made: liteorm.Sql, text: str | None) -> None:
    """Columns stand in the order of the fields, quoted, a nested class as one."""
    assert str(made) == (text or 'SELECT "x"."a" FROM x')


def test_what_has_no_fields_has_no_columns() -> None:
    """A scalar type is no model."""
    with pytest.raises(liteorm.ModelError, match="int has no fields"):
        liteorm.columns(int)


def test_text_is_passed_on_as_it_is() -> None:
    """A string needs no rendering."""
    assert rendered("SELECT '%'", None) == ("SELECT '%'", None)
    assert rendered("SELECT %s", (1,)) == ("SELECT %s", (1,))


@pytest.mark.parametrize("wrong", [b"SELECT 1", None, 1, Ident("a")])
def test_what_is_no_sql_is_refused(wrong: Any) -> None:
    """Only a str, a Sql or a t-string is SQL."""
    with pytest.raises(TypeError, match="a str, a Sql or a t-string"):
        rendered(wrong)


def test_sql_is_a_value() -> None:
    """Equal text is equal and hashable; repr shows the text."""
    one, two = (liteorm.sql("SELECT {}", Ident("a")) for _ in range(2))
    assert one == two
    assert len({one, two}) == 1
    assert repr(one) == "Sql('SELECT \"a\"')"
    assert repr(Ident("app", "u")) == "Ident('app', 'u')"
    assert str(one) == 'SELECT "a"'


@attrs.frozen
class Interpolation:
    """What a t-string has for braces, on every Python."""

    value: Any
    format_spec: str = ""
    conversion: str | None = None
    expression: str = "x"


# Python's own templates are tested where there are some, in test_tstrings_314.py; these are read
# the same way, so that older Pythons see the rules too.
Template: Any = type("Template", (tuple,), {"__module__": "string.templatelib"})


@pytest.mark.parametrize(
    ("parts", "text", "params"),
    [
        (["SELECT 5 % 3"], "SELECT 5 % 3", None),
        (["SELECT 5 % ", Interpolation(3)], "SELECT 5 %% %s", [3]),
        ([Interpolation("a%", "i")], '"a%"', None),
        ([Interpolation("a%", "i"), Interpolation(1)], '"a%%"%s', [1]),
        ([Interpolation(Ident("a", "b"), "i")], '"a"."b"', None),
        ([Interpolation(Ident("a")), Interpolation(liteorm.sql(" x"))], '"a" x', None),
        (["a ", Interpolation(Template(["b ", Interpolation(1)]))], "a b %s", [1]),
    ],
)
def test_templates_become_text_and_parameters(parts: list[Any], text: str, params: Any) -> None:
    """Values go through placeholders, identifiers are quoted, and a % is just a %."""
    assert rendered(Template(parts)) == (text, params)


@pytest.mark.parametrize(
    ("part", "error", "sentence"),
    [
        (Interpolation(5, "i"), TypeError, "a str or an Ident, not int"),
        (Interpolation(5, "d"), ValueError, "no format but :i"),
        (Interpolation(5, conversion="r"), ValueError, "no conversion"),
    ],
)
def test_what_a_template_cannot_hold_is_refused(
    part: Interpolation, error: type[Exception], sentence: str
) -> None:
    """A format or conversion that would turn a value into text is an error."""
    with pytest.raises(error, match=sentence):
        rendered(Template([part]))
    with pytest.raises(TypeError, match="carries its own values"):
        rendered(Template(["SELECT 1"]), [])


def test_plain_braces_are_left_alone() -> None:
    """Text without any part needs none."""
    assert liteorm.sql("{}{{x}}", Ident("a")).text() == '"a"{x}'
    assert liteorm.sql("").text() == ""
