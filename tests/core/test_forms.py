"""Optional parts, choices and signatures of statements, without a server."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest

import liteorm
from liteorm._core.statements.declaring import statement


@attrs.define
class Ticket:
    """A row."""

    id: int
    subject: str


LIST = """
SELECT {columns} FROM tickets
WHERE tenant_id = %(tenant)s
  AND status = %(status)s                     --? status
  AND (created, id) < (%(at)s, %(id)s)        --? at id
  --? text {
  AND (subject ILIKE %(text)s
       OR body ILIKE %(text)s AND NOT hidden  --? hidden
  )
  --? }
ORDER BY {sort}
LIMIT %(limit)s
"""
SORTS = {"newest": "created DESC, id DESC", "title": "subject, id"}


@statement(Ticket, LIST, choices={"sort": SORTS})
def tickets(
    tenant: int,
    status: str | None = None,
    at: str | None = None,
    id: int | None = None,
    text: str | None = None,
    hidden: bool = False,
    sort: Literal["newest", "title"] = "newest",
    *,
    limit: int = 50,
) -> None:
    """The tickets of a tenant.

    Newest first.
    """


def sent(declared: Any, *args: Any, **named: Any) -> tuple[str, Any]:
    """Return the text of a call without white space around and between, and its parameters."""
    text, params = declared._call(*args, **named)
    return " ".join(text.split()), params


def test_parts_that_are_off_leave_text_and_parameters() -> None:
    """A line is there only with all of its parameters, and only then are they sent."""
    base = 'SELECT "id", "subject" FROM tickets WHERE tenant_id = %(tenant)s'
    end = "ORDER BY created DESC, id DESC LIMIT %(limit)s"
    assert sent(tickets, 7) == (f"{base} {end}", {"tenant": 7, "limit": 50})
    assert sent(tickets, 7, "open", limit=5) == (
        f"{base} AND status = %(status)s {end}",
        {"tenant": 7, "status": "open", "limit": 5},
    )
    assert sent(tickets, 7, at="x") == (f"{base} {end}", {"tenant": 7, "limit": 50})
    assert sent(tickets, 7, at="x", id=3, sort="title") == (
        f"{base} AND (created, id) < (%(at)s, %(id)s) ORDER BY subject, id LIMIT %(limit)s",
        {"tenant": 7, "at": "x", "id": 3, "limit": 50},
    )


def test_blocks_hold_lines_and_flags_are_sent_by_nobody() -> None:
    """A block is there as a whole; a parameter without a placeholder is a flag."""
    assert "ILIKE" not in sent(tickets, 7, hidden=True)[0]
    text, params = sent(tickets, 7, text="a")
    assert "AND (subject ILIKE %(text)s ) ORDER" in text
    assert params == {"tenant": 7, "text": "a", "limit": 50}
    text, params = sent(tickets, 7, text="a", hidden=True)
    assert "OR body ILIKE %(text)s AND NOT hidden ) ORDER" in text
    assert "hidden" not in params


def test_lines_keep_their_numbers() -> None:
    """What is left out leaves its line's end, so the server's places are those of the source."""
    text = tickets._call(7)[0]
    assert len(text.splitlines()) == len(LIST.splitlines())
    assert text.splitlines()[11] == "LIMIT %(limit)s"


def test_one_text_for_each_combination() -> None:
    """The same combination has the very same text, as prepared statements need it."""
    assert tickets._call(7)[0] is tickets._call(8, None)[0]


def test_a_declared_statement_has_name_doc_and_signature() -> None:
    """They are the function's."""
    assert isinstance(tickets, liteorm.Statement)
    assert tickets.name == "tickets"
    assert tickets.doc == "The tickets of a tenant.\n\nNewest first."
    assert list(tickets.signature.parameters)[:3] == ["tenant", "status", "at"]
    assert "tickets -> Ticket" in repr(tickets)
    assert tickets.params == {
        "tenant": int,
        "status": str | None,
        "at": str | None,
        "id": int | None,
        "text": str | None,
        "limit": int,
    }


@pytest.mark.parametrize(
    ("args", "named", "sentence"),
    [
        ((), {}, "tickets.. missing 1 required positional argument: 'tenant'"),
        ((7,), {"stauts": "open"}, "unexpected keyword argument 'stauts'"),
        ((7,), {"tenant": 7}, "multiple values for argument 'tenant'"),
        ((1, 2, 3, 4, 5, 6, 7, 8), {}, "positional arguments"),
    ],
)
def test_wrong_calls_are_type_errors(args: Any, named: Any, sentence: str) -> None:
    """Arguments are bound as Python binds them."""
    with pytest.raises(TypeError, match=sentence):
        tickets._call(*args, **named)


@pytest.mark.parametrize("word", ["oldest", None, 5, ["newest"], "newest; DROP TABLE tickets"])
def test_an_unknown_word_is_a_value_error(word: Any) -> None:
    """A choice has its words and no others."""
    with pytest.raises(ValueError, match="sort must be one of 'newest', 'title'; got"):
        tickets._call(7, sort=word)


def test_a_choice_may_be_left_out_with_its_part() -> None:
    """`ORDER BY {sort} --? sort`: None leaves out the line."""
    chosen = statement(
        Ticket,
        "SELECT {columns} FROM tickets\nORDER BY {sort} --? sort\nLIMIT 5",
        choices={"sort": SORTS},
    )
    assert sent(chosen, sort=None) == ('SELECT "id", "subject" FROM tickets LIMIT 5', None)
    assert sent(chosen, sort="title")[0].endswith("ORDER BY subject, id LIMIT 5")
    with pytest.raises(ValueError, match="sort must be one of"):
        chosen._call(sort="x")


def test_without_a_signature_every_parameter_is_given() -> None:
    """None says what is off; a name too many or too few is a TypeError."""
    plain = statement(Ticket, "SELECT 1 AS id\nWHERE a = %(a)s --? a\nAND b --? b")
    assert sent(plain, a=None, b=False) == ("SELECT 1 AS id", {})
    assert sent(plain, a=1, b=True) == ("SELECT 1 AS id WHERE a = %(a)s AND b", {"a": 1})
    for args, named, sentence in (
        ((), {"a": 1}, 'takes a, b: parameter "b" is missing'),
        ((), {"a": 1, "b": 1, "c": 1}, 'there is no parameter "c"'),
        ((1, 2), {}, "takes its parameters by name: a, b"),
    ):
        with pytest.raises(TypeError, match=sentence):
            plain._call(*args, **named)
    named_only = statement(Ticket, "SELECT %(a)s AS id")
    with pytest.raises(TypeError, match='there is no parameter "aa"; did you mean a instead of aa'):
        named_only._call(aa=1)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT '--? a', $$ --? a\n$$, \"--? a\" /* --? a\n --? b { */",
        "SELECT '{columns}', '{sort}' -- {columns}",
        "SELECT a -- ? b",
        "SELECT '{\"a\": 1}'::jsonb, '{1,2}'::int[], ARRAY[1] {other} { columns }",
    ],
)
def test_marks_and_braces_in_literals_and_comments_are_none(text: Any) -> None:
    """Only what PostgreSQL reads as SQL, or as a comment that begins with ?, means anything."""
    assert statement(Ticket, text).sql == text


def test_percent_signs_stay_what_they_are() -> None:
    """Doubled where the statement has placeholders, also in the form that has none left."""
    one = statement(Ticket, "SELECT 5 %% 2\nWHERE a = %(a)s --? a")
    assert sent(one, a=None) == ("SELECT 5 %% 2", {})
    two = statement(Ticket, "SELECT 5 % 2\nORDER BY 1 --? flag")
    assert sent(two, flag=False) == ("SELECT 5 % 2", None)


def test_choices_are_text_or_sql() -> None:
    """Their placeholders are sent with them, and a quoted name may have a % in it."""
    near = liteorm.sql("{} <-> %(point)s", liteorm.Ident("50%"))
    options = {"near": near, "far": "{columns}"}
    chosen = statement(Ticket, "SELECT 1 ORDER BY {by}", choices={"by": options})
    assert chosen.names == ("point", "by")
    assert sent(chosen, by="near", point=1) == (
        'SELECT 1 ORDER BY "50%%" <-> %(point)s',
        {"point": 1},
    )
    assert sent(chosen, by="far", point=None) == ('SELECT 1 ORDER BY "id", "subject"', {})


def test_columns_are_the_models() -> None:
    """Also of `X | None`, and quoted for the driver where there are placeholders."""
    cls = attrs.make_class("C", {"a": attrs.field(type=liteorm.Range[int])})
    assert statement(cls | None, "SELECT {columns}").sql == 'SELECT "a"'
    assert statement(Ticket, liteorm.sql("SELECT {{columns}}, {}", 5)).sql == (
        'SELECT "id", "subject", %s'
    )
    with pytest.raises(liteorm.StatementError, match=r"columns} stands for .* int has none"):
        statement(int, "SELECT {columns}")
    with pytest.raises(liteorm.StatementError, match="columns} stands for"):
        statement(None, "SELECT {columns}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("SELECT 1\nAND a --?", "line 2 of the SQL: a mark without a name"),
        ("SELECT 1\nAND a --? a-b", "line 2 of the SQL: 'a-b' in a mark is no name"),
        ("SELECT 1\n\nAND a --? a, b", "line 3 of the SQL: 'a,' in a mark"),
        ("SELECT 1\n--? a {\nAND a", "line 2 of the SQL: the part --? a { is not closed"),
        ("SELECT 1\nAND a --? a {\n--? }", "line 2 of the SQL: --? name { stands on a line of"),
        ("SELECT 1\n--? a {\nAND a --? }", "line 3 of the SQL: --? } stands on a line of its own"),
        ("SELECT 1\n--? }", "line 2 of the SQL: --? } closes nothing"),
        ("SELECT 1\n--? a {\n--? b {\n--? }\n--? }", "line 3 of the SQL: a block in the block of"),
        ("SELECT 1\n--? a\nAND a", "line 2 of the SQL: the mark --? a has no SQL before it"),
        ("SELECT '\n' AND a --? a", "line 2 of the SQL: a line with a mark begins inside"),
        ("SELECT /*\n*/ AND a --? a", "line 2 of the SQL: a line with a mark begins inside"),
        ("SELECT 'a' --? a\n'b'", "line 1 of the SQL: a line with a mark ends inside a literal"),
        ("SELECT %s\nAND a --? a", "line 1 of the SQL: marks and choices go with parameters"),
        ("SELECT %(a)s\nAND %s --? a", "line 2 of the SQL: marks and choices go with"),
        ("SELECT %(a b)s\nAND a --? a", "line 1 of the SQL: 'a b' cannot be the name"),
        ("SELECT %(class)s\nAND a --? a", "line 1 of the SQL: 'class' cannot be the name"),
    ],
)
def test_wrong_marks_are_errors_with_the_line(text: Any, sentence: str) -> None:
    """A mark that cannot be meant is refused when the statement is declared."""
    with pytest.raises(liteorm.StatementError) as caught:
        statement(Ticket, text)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "choices", "sentence"),
    [
        ("SELECT 1", {"by": {"a": "a"}}, "the choice by stands nowhere in the SQL"),
        ("SELECT '{by}'", {"by": {"a": "a"}}, "the choice by stands nowhere in the SQL"),
        ("SELECT {by}", {"by": {}}, "the choice by has no words"),
        ("SELECT {a b}", {"a b": {"a": "a"}}, "a choice cannot be called 'a b'"),
        ("SELECT {columns}", {"columns": {"a": "a"}}, "cannot be called 'columns'"),
        ("SELECT {by}", {"by": {"a": "a 'b"}}, "choice by, 'a': a literal or comment in it is not"),
        ("SELECT {by}", {"by": {"a": "a -- b"}}, "choice by, 'a' ends in a comment"),
        ("SELECT {by}", {"by": {"a": "a --? b\n"}}, "choice by, 'a': a mark cannot stand in"),
        ("SELECT {by}", {"by": {"a": 5}}, "choice by, 'a': expected text, or a Sql without values"),
        ("SELECT {by}", {"by": {"a": "%s"}}, "choice by, 'a': marks and choices go with"),
        ("SELECT {by}, %s", {"by": {"a": "a"}}, "line 1 of the SQL: marks and choices go with"),
        ("SELECT {by}, %(by)s", {"by": {"a": "a"}}, "by is a choice, and stands as %(by)s"),
        (liteorm.sql("SELECT {}, {{by}}", 5), {"by": {"a": "a"}}, "goes with no choices"),
        (liteorm.sql("SELECT {}\nLIMIT 1 --? a", 5), None, "marks and choices go with"),
    ],
)
def test_wrong_choices_are_errors(text: Any, choices: Any, sentence: str) -> None:
    """So is a choice that has no place, no words, or words that would break the text."""
    with pytest.raises(liteorm.StatementError) as caught:
        statement(Ticket, text, choices=choices)
    assert sentence in str(caught.value)
    option = liteorm.sql("{}", 5)
    with pytest.raises(liteorm.StatementError, match="a Sql without values, got Sql"):
        statement(Ticket, "SELECT {by}", choices={"by": {"a": option}})


def takes(*names: str) -> Any:
    """Return a function with these parameters."""
    scope: dict[str, Any] = {}
    exec(f"def found({', '.join(names)}): pass", scope)
    return scope["found"]


@pytest.mark.parametrize(
    ("text", "function", "sentence"),
    [
        ("SELECT %(a)s", takes(), "the SQL has %(a)s in line 1, which is no parameter of found"),
        ("SELECT\n%(status)s", takes("stauts"), "did you mean status instead of stauts?"),
        ("SELECT 1", takes("a"), "found has a parameter a, which the SQL does not use"),
        ("SELECT 1\nWHERE a --? b", takes("a"), "the SQL has --? b in line 2, which is no"),
        ("SELECT %s, %s", takes("a"), "found has 1 parameter, and the SQL takes 2"),
        ("SELECT %s", takes("a", "b"), "found has 2 parameters, and the SQL takes 1"),
        ("SELECT %(a)s", takes("*a"), "found takes *a: a statement takes a parameter for each"),
        ("SELECT %(a)s", takes("**a"), "found takes **a"),
        ("SELECT %(a)s, %s", takes("a"), "line 1 of the SQL: %(name)s goes with parameters that"),
        ("SELECT %(a-b)s", takes("a"), "'a-b' cannot be the name of a parameter"),
        (liteorm.sql("SELECT {}", 5), takes("a"), "found has 1 parameter, and the SQL takes 0"),
    ],
)
def test_signature_and_sql_must_agree(text: Any, function: Any, sentence: str) -> None:
    """What one names and the other does not is said at the decoration."""
    with pytest.raises(liteorm.StatementError) as caught:
        statement(Ticket, text)(function)
    assert sentence in str(caught.value)


def test_positions_are_in_the_signatures_order() -> None:
    """For %s the parameters follow one another, by name or not, with their defaults."""
    made: Any = statement(Ticket, "SELECT %s, %s, %s")(takes("a", "/", "b=2", "*", "c=3"))
    assert made._call(1) == ("SELECT %s, %s, %s", (1, 2, 3))
    assert made._call(1, c=5, b=4)[1] == (1, 4, 5)
    nothing: Any = statement(None, "DELETE FROM a WHERE b LIKE 'x%'")(takes())
    assert nothing._call() == ("DELETE FROM a WHERE b LIKE 'x%'", None)
    fixed: Any = statement(Ticket, liteorm.sql("SELECT {}", 5))(takes())
    assert fixed._call() == ("SELECT %s", [5])
    assert (fixed.name, fixed.params) == ("found", None)


def test_a_statement_is_declared_once_and_never_called_by_itself() -> None:
    """Mistakes of use say what to do instead."""
    with pytest.raises(liteorm.StatementError, match="tickets has a signature already"):
        tickets(takes())
    with pytest.raises(TypeError, match=r"to run it, call \.execute"):
        tickets(5)  # type: ignore[arg-type]
    with pytest.raises(liteorm.StatementError, match="leave params= out"):
        statement(Ticket, "SELECT %(a)s", params={"a": int})(takes("a"))
    with pytest.raises(liteorm.StatementError, match="params= declares others"):
        statement(Ticket, liteorm.sql("SELECT {}", 5), params={"a": int})


def test_a_statement_without_rows_has_execute_alone() -> None:
    """There is nothing that `one` could give."""
    command = statement(None, "DELETE FROM a")
    assert isinstance(command, liteorm.Command)
    for name in ("all", "one", "optional", "iter"):
        assert not hasattr(command, name)


def test_an_annotation_that_is_not_there_is_a_model_error() -> None:
    """It is read when somebody asks, not at the decoration."""

    def found(a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
        """Take something unknown."""

    made = statement(Ticket, "SELECT %(a)s")(found)
    with pytest.raises(liteorm.ModelError, match=r"an annotation of .*found cannot be read"):
        _ = made.params


@pytest.mark.parametrize(
    ("annotation", "default", "sentence"),
    [
        (Literal["newest", "oldest"], "newest", "the choice sort has no word 'oldest'; it has 'ne"),
        (Literal["newest", "tilte"], "newest", "did you mean 'title'?"),
        (Literal["newest", "tilte"] | None, None, "has no word 'tilte'"),
        (Annotated[Literal["tilte"], "doc"], inspect.Parameter.empty, "has no word 'tilte'"),
        (str, "oldest", "the choice sort has no word 'oldest'"),
        (str, 5, "the choice sort has no word 5"),
    ],
    ids=str,
)
def test_words_of_a_signature_are_those_of_the_choice(
    annotation: Any, default: Any, sentence: str
) -> None:
    """A Literal or a default that the choice does not have is an error at the declaration."""

    def chosen(sort: Any) -> None: ...

    chosen.__annotations__["sort"] = annotation
    if default is not inspect.Parameter.empty:
        chosen.__defaults__ = (default,)
    with pytest.raises(liteorm.StatementError) as caught:
        statement(Ticket, "SELECT 1 ORDER BY {sort}", choices={"sort": SORTS})(chosen)
    assert sentence in str(caught.value)


def test_variants_are_every_choice_and_parts_on_off_and_alone() -> None:
    """The check describes these, each with a name, its parameters and which are never None."""
    found = {item.when: item for item in tickets.variants()}
    assert list(found) == [
        'sort="newest"',
        'sort="title"',
        "without optional parts",
        "with status alone",
        "with at and id alone",
        "with text alone",
    ]
    assert found["without optional parts"].names == ("tenant", "limit")
    assert found["with at and id alone"].given == {"at", "id"}
    assert found["with text alone"].names == ("tenant", "text", "limit")
    assert "subject, id" in found['sort="title"'].sql
    assert found['sort="newest"'].sql == tickets.sql
    text = found["with text alone"]
    for piece in ("id = %(tenant)s", "ILIKE %(text)s AND NOT", "LIMIT"):
        if piece in text.sql:
            assert tickets.written[text.written(text.sql.index(piece)) :].startswith(piece)
    at = tickets.written.index("{columns}")
    assert text.written(text.sql.index('"subject"')) == at
    [only] = statement(Ticket, "SELECT {columns}, %(a)s").variants()
    assert (only.when, only.written(only.sql.index("%")), only.written(9)) == ("", 18, 7)
    [only] = statement(Ticket, "SELECT %(a)s").variants()
    assert (only.when, only.sql, only.names) == ("", "SELECT %(a)s", ("a",))
    parts = statement(Ticket, "SELECT 1\nWHERE a --? a").variants()
    assert [item.when for item in parts] == ["with all optional parts", "without optional parts"]


def test_parameters_used_outside_their_part_are_named() -> None:
    """They are sent as None there, of which the check warns."""
    one = statement(Ticket, "SELECT %(a)s, %(b)s\nWHERE a = %(a)s --? a\nAND b = %(b)s --? c")
    assert one.used_elsewhere() == ["a"]
    assert tickets.used_elsewhere() == []


def test_files_have_parts_and_choices_too(tmp_path: Path) -> None:
    """Choices are lines below the header; places are those of the file."""
    file = tmp_path / "a.sql"
    file.write_text(
        "-- name: tickets :all -> Ticket\n"
        "-- The tickets.\n"
        "-- choice sort newest: created DESC, id DESC\n"
        "-- choice sort title: subject\n" + LIST.strip() + ";\n"
        "-- name: other :one -> int\n"
        "-- choice of words\n"
        "SELECT '\x0c\u2028\r\n-- name: no :one -> int', 1 -- name: none\n"
    )
    file.write_bytes(file.read_bytes().replace(b"\r\r\n", b"\r\n"))
    queries = liteorm.load(file)
    listed = queries.tickets
    assert listed.doc == "The tickets."
    assert listed.name == "tickets"
    assert listed.choices["sort"]["title"] == "subject"
    named = dict.fromkeys(("status", "at", "id", "text", "hidden"))
    assert sent(listed, tenant=1, sort="title", limit=5, **named)[1] == {"tenant": 1, "limit": 5}
    assert queries.other.doc == "choice of words"
    assert queries.other.sql == ("SELECT '\x0c\u2028\r\n-- name: no :one -> int', 1 -- name: none")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("-- a\nSELECT 1\nAND a --? a-b", "a.sql:4: 'a-b' in a mark is no name"),
        ("\nSELECT 1\n--? a {\nAND a;", "a.sql:4: the part --? a { is not closed"),
        ("SELECT 1\nAND a; --? a", "a.sql:1: a: a mark behind the semicolon"),
        ("-- choice by: a\nSELECT {by}", "a.sql:1: a choice that is not understood"),
        ("-- choice by a:\nSELECT {by}", "a.sql:1: a choice that is not understood"),
        ("-- choice by a: b\n-- choice by a: c\nSELECT {by}", "has the word a twice"),
        ("-- choice by a: b\nSELECT 1", "a.sql:1: a: the choice by stands nowhere in the SQL"),
    ],
)
def test_wrong_files_name_file_and_line(tmp_path: Path, text: str, sentence: str) -> None:
    """The place of a mistake is its own, in the file."""
    (tmp_path / "a.sql").write_text("-- name: a :one -> int\n" + text)
    with pytest.raises(liteorm.StatementError) as caught:
        liteorm.load(tmp_path)
    assert sentence in str(caught.value)
