"""T-strings, which Python has from 3.14 on; their syntax is in strings, for older ones."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import liteorm
from liteorm import Ident
from liteorm._core.sql.text import is_template, rendered

pytestmark = pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings need Python 3.14")


def template(source: str, **names: Any) -> Any:
    """Evaluate a t-string."""
    return eval(source, names)


@pytest.mark.parametrize(
    ("source", "names", "text", "params"),
    [
        ("t'SELECT 1'", {}, "SELECT 1", None),
        ("t'SELECT {x}'", {"x": 5}, "SELECT %s", [5]),
        ("t'SELECT {x}, {y}, {x}'", {"x": 1, "y": "a"}, "SELECT %s, %s, %s", [1, "a", 1]),
        ("t'SELECT {x.upper()}'", {"x": "a"}, "SELECT %s", ["A"]),
        ("t'SELECT {None}'", {}, "SELECT %s", [None]),
        ("t'SELECT {c:i}'", {"c": "my col"}, 'SELECT "my col"', None),
        ("t'SELECT {c:i}'", {"c": Ident("a", "B")}, 'SELECT "a"."B"', None),
        ("t'SELECT {c}'", {"c": Ident("a", "B")}, 'SELECT "a"."B"', None),
        ("t'SELECT {c:i}, 5 % 3'", {"c": "50%"}, 'SELECT "50%", 5 % 3', None),
        ("t'SELECT {c:i}, 5 % {x}'", {"c": "50%", "x": 3}, 'SELECT "50%%", 5 %% %s', [3]),
        ("t\"SELECT {x} WHERE a LIKE '%s'\"", {"x": 1}, "SELECT %s WHERE a LIKE '%%s'", [1]),
        ("t'SELECT {{}} {x}'", {"x": 1}, "SELECT {} %s", [1]),
        ("t'a {f} d'", {"f": liteorm.sql("b {}", Ident("c"))}, 'a b "c" d', None),
        ("t''", {}, "", None),
        (
            "t'a {f} {x}'",
            {"f": liteorm.sql("b = {} % {}", 1, 2), "x": 3},
            "a b = %s %% %s %s",
            [1, 2, 3],
        ),
        ("t'a {x}'", {"x": "'; DROP TABLE a; --"}, "a %s", ["'; DROP TABLE a; --"]),
    ],
)
def test_templates_become_text_and_parameters(
    source: str, names: dict[str, Any], text: str, params: Any
) -> None:
    """Values go through placeholders, identifiers are quoted, and a % is just a %."""
    made = template(source, **names)
    assert is_template(made)
    assert rendered(made) == (text, params)


def test_templates_nest() -> None:
    """A template in a template is SQL with values of its own, in their order."""
    where = template("t'id = {id} AND {column:i} > {least}'", id=7, column="n", least=3)
    assert rendered(
        template("t'SELECT {what} WHERE {where} LIMIT {n}'", what=1, where=where, n=9)
    ) == (
        'SELECT %s WHERE id = %s AND "n" > %s LIMIT %s',
        [1, 7, 3, 9],
    )


def test_templates_are_pieces_of_sql_too() -> None:
    """In the braces of `sql`, and between joined pieces, a template means what it means alone."""
    where = template("t'n % {x} = 0'", x=2)
    assert rendered(liteorm.sql("SELECT {} WHERE {}", 1, where)) == (
        "SELECT %s WHERE n %% %s = 0",
        [1, 2],
    )
    both = liteorm.sql(" AND ").join([where, template("t'{c:i} > {x}'", c="a%", x=3)])
    assert rendered(both) == ('n %% %s = 0 AND "a%%" > %s', [2, 3])
    assert rendered(template("t'SELECT {both}'", both=both))[1] == [2, 3]


@pytest.mark.parametrize(
    ("source", "value", "error", "sentence"),
    [
        ("t'{x:i}'", 5, TypeError, "{x} is an identifier: a str or an Ident, not int"),
        ("t'{x:i}'", "a\0", liteorm.DataError, "NUL"),
        ("t'{x:d}'", 5, ValueError, "no format but :i (an identifier), got :d"),
        ("t'{x!r}'", 5, ValueError, "{x} in a t-string takes no conversion (!r)"),
    ],
)
def test_what_a_template_cannot_hold_is_refused(
    source: str, value: Any, error: type[Exception], sentence: str
) -> None:
    """A format or conversion that would turn a value into text is an error."""
    with pytest.raises(error) as caught:
        rendered(template(source, x=value))
    assert sentence in str(caught.value)


def test_a_template_takes_no_parameters_besides() -> None:
    """Values are in the template; more of them have no place."""
    with pytest.raises(TypeError, match="carries its own values"):
        rendered(template("t'SELECT {x}'", x=1), [2])


def test_a_statement_may_be_a_template() -> None:
    """Its values are sent with every call, which takes no parameters then."""
    statement = liteorm.statement(int, template("t'SELECT {x} FROM {t:i}'", x=1, t="a%b"))
    assert statement.sql == 'SELECT %s FROM "a%%b"'
    assert statement._call()[1] == [1]
    with pytest.raises(TypeError, match="takes no parameters"):
        statement._call(5)


def test_the_module_of_templates_is_not_imported() -> None:
    """Whoever uses no t-string pays nothing for them."""
    code = (
        "import sys, liteorm\n"
        "from liteorm._core.sql.text import rendered\n"
        "rendered('SELECT 1'); rendered(liteorm.sql('SELECT 1'))\n"
        "sys.exit('string.templatelib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
