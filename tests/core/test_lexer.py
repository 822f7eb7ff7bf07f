"""PostgreSQL's lexical rules, case by case."""

from __future__ import annotations

import time

import pytest

from liteorm._core.sql.lexer import blanked, place, placeholders, statements, tokens, words


def kinds(text: str) -> list[tuple[str, str]]:
    """Return kind and text of the tokens that are no white space."""
    return [
        (token.kind, text[token.start : token.end])
        for token in tokens(text)
        if token.kind != "space"
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b", [("word", "a"), ("word", "b")]),
        ("größe$1", [("word", "größe$1")]),
        ("a\u00a0b", [("word", "a\u00a0b")]),
        ("'it''s'", [("string", "'it''s'")]),
        (r"'a\' b", [("string", r"'a\'"), ("word", "b")]),
        (r"E'a\' b'", [("string", r"E'a\' b'")]),
        (r"E'a'''b", [("string", "E'a'''"), ("word", "b")]),
        ("fooE'a'", [("word", "fooE"), ("string", "'a'")]),
        ("U&'a\\' x", [("string", "U&'a\\'"), ("word", "x")]),
        ('u&"a""b" x', [("quoted", 'u&"a""b"'), ("word", "x")]),
        ("N'a' b'01' X'1F'", [("string", "N'a'"), ("string", "b'01'"), ("string", "X'1F'")]),
        ("'a'\n 'b\\' c", [("string", "'a'\n 'b\\'"), ("word", "c")]),
        ("E'a' -- x'\n--\n 'b\\'c'", [("string", "E'a' -- x'\n--\n 'b\\'c'")]),
        ("'a' 'b'", [("string", "'a'"), ("string", "'b'")]),
        ("'a'\nE'b'", [("string", "'a'"), ("string", "E'b'")]),
        ("$$a'b$$", [("dollar", "$$a'b$$")]),
        ("$a$ $b$ $a$", [("dollar", "$a$ $b$ $a$")]),
        ("x$a$ $a$", [("word", "x$a$"), ("dollar", "$a$")]),
        ("1$a$ ;$a$", [("number", "1"), ("dollar", "$a$ ;$a$")]),
        ("$1$a$ $a$", [("parameter", "$1"), ("dollar", "$a$ $a$")]),
        ("/* a /* b */ c */ d", [("comment", "/* a /* b */ c */"), ("word", "d")]),
        ("/*/*/ */ */x", [("comment", "/*/*/ */ */"), ("word", "x")]),
        ("/* ' */ '/*'", [("comment", "/* ' */"), ("string", "'/*'")]),
        ("a -- b\rc", [("word", "a"), ("comment", "-- b"), ("word", "c")]),
        ("-- a\fb\u2028c\nd", [("comment", "-- a\fb\u2028c"), ("word", "d")]),
        ("1.5e-3", [("number", "1.5e-3")]),
        ("0x1F 1_000 .5", [("number", "0x1F"), ("number", "1_000"), ("number", ".5")]),
        ("1..2", [("number", "1"), ("other", ".."), ("number", "2")]),
        ("a;", [("word", "a"), ("end", ";")]),
        ("+-- x", [("other", "+"), ("comment", "-- x")]),
        ("a%%b", [("word", "a"), ("other", "%"), ("other", "%"), ("word", "b")]),
    ],
)
def test_text_is_cut_as_postgres_cuts_it(text: str, found: list[tuple[str, str]]) -> None:
    """Literals of every kind, comments, names and numbers end where PostgreSQL ends them."""
    assert kinds(text) == found


@pytest.mark.parametrize(
    "text", ["'a", "'a''", r"E'a\'", "E'a\\", '"a', '"a""', "$$a", "$a$ $b$", "/* /* */", "'a'\n'b"]
)
def test_what_is_not_closed_reaches_to_the_end(text: str) -> None:
    """Nothing after a missing quote is taken for SQL, and the token says that it is missing."""
    (token,) = tokens(text)
    assert token.end == len(text)
    assert not token.closed


BODY = "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC "


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        (" -- nothing\n;;", []),
        (" SELECT 1 -- a\n; /* b */ SELECT 2 /* c */", ["SELECT 1", "SELECT 2"]),
        ("SELECT ); SELECT 2", ["SELECT )", "SELECT 2"]),
        ("OR REPLACE OR REPLACE BEGIN ATOMIC; END", ["OR REPLACE OR REPLACE BEGIN ATOMIC", "END"]),
    ],
)
def test_statements_stand_without_what_is_around_them(script: str, found: list[str]) -> None:
    """Comments and empty statements between are left out, also of what is no valid SQL."""
    assert [script[start:end] for start, end in statements(script)] == found


def test_placeholders_are_those_the_driver_replaces() -> None:
    """It replaces them in literals and comments too; a doubled % is none."""
    text = "SELECT %s, %(a)s, '%(b)b %% %s', 5 %% 2, %t -- %(c)s"
    found = [(text[each.start : each.end], each.name, each.inside) for each in placeholders(text)]
    assert found == [
        ("%s", None, False),
        ("%(a)s", "a", False),
        ("%(b)b", "b", True),
        ("%s", None, True),
        ("%t", None, False),
        ("%(c)s", "c", True),
    ]


@pytest.mark.parametrize("text", ["a % b", "'100%'", "%(a)", "%(a", "%()s", "%x"])
def test_other_percent_signs_are_no_placeholders(text: str) -> None:
    """A lone %, one before another letter and a name that is not closed are none."""
    assert placeholders(text) == []


def test_blanked_text_keeps_every_place() -> None:
    """Literals, names and comments become spaces, with their line ends."""
    text = "SELECT 'a\nb', \"c\" /* d\n */ FROM t -- e"
    assert blanked(text) == "SELECT   \n  ,         \n    FROM t     "
    assert len(blanked(text)) == len(text)


def test_the_first_words_of_a_statement() -> None:
    """Comments between are skipped; another token ends them."""
    assert list(words("/* a */ prepare -- b\n Transaction 'x' y")) == ["PREPARE", "TRANSACTION"]
    assert list(words("SELECT 1; COMMIT", 9)) == ["COMMIT"]
    assert list(words("(SELECT 1)")) == []


def test_places_are_lines_and_columns_from_one() -> None:
    """As editors count them."""
    text = "ab\nc\n\nd"
    assert [place(text, at) for at in (0, 2, 3, 5, 6, len(text))] == [
        *((1, 1), (1, 3), (2, 1), (3, 1), (4, 1), (4, 2))
    ]


EVIL = [
    *("/*", "*/", "/*/", "/* */", "'", "''", "E'", "\\'", "E'\\", '"', "u&", "U&'", "-", "--\n"),
    *("'a'\n", "'a'\n--\n", "'a' --", "$", "$a", "$a$", "$1", "%", "%(", "%(a", "%(a)", "%%"),
    *("1", "1.", "1_", "1e", "0x", ";", "(", ")", " ", "\n", "\r", "é", "\\", "a", "a.", "(;"),
    *("BEGIN ATOMIC ", "CASE ", "END;", BODY, "CREATE FUNCTION ", "case;", "\0", "🙂"),
]


BEFORE = ["", "'", "E'", '"', "/*", "$a$", "'a' ", BODY, "%(", "1"]


@pytest.mark.parametrize("piece", EVIL)
def test_evil_text_is_read_in_linear_time(piece: str) -> None:
    """100 kB of any piece, at the start or in an open literal, comment or body, is soon read."""
    began = time.process_time()
    for before in BEFORE:
        text = before + piece * ((10_000 if before else 100_000) // len(piece))
        list(tokens(text, placeholders=True))
        list(statements(text))
        list(words(text))
        placeholders(text)
        blanked(text)
    # Processor time, of which it takes half a second; in quadratic time it would be minutes.
    assert time.process_time() - began < 20
