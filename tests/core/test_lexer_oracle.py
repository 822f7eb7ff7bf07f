"""The lexer held against PostgreSQL's own scanner and parser, as pglast has them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from liteorm._core.sql.lexer import TEXTS, statements, tokens

pglast = pytest.importorskip("pglast")
scan, split = pglast.parser.scan, pglast.parser.split

PIECES = [
    *("'", "''", "E'", "e'", "\\", "\\'", '"', '""', "$$", "$a$", "$ab$", "$", "a", "e", "1"),
    *("--", "/*", "*/", "/", "*", "-", ";", "U&'", 'u&"', "b'", "X'", "é", ".", "(", ")"),
    *("%", "E", "0x", "_", " ", "\n", "\r", "\t", "\f"),
]
SQL = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
OF_POSTGRES = {"SCONST", "BCONST", "XCONST", "USCONST", "UIDENT", "SQL_COMMENT", "C_COMMENT"}


def postgres_marks(text: str) -> str:
    """Mark the characters that PostgreSQL's scanner takes for a literal, a name or a comment."""
    marks = [" "] * len(text)
    for token in scan(text):
        quoted = token.name == "IDENT" and text[token.start] in '"uU'
        quoted = quoted and '"' in text[token.start : token.end + 1]
        if token.name in OF_POSTGRES or quoted:
            for number in range(token.start, token.end + 1):
                marks[number] = "x"
    return "".join(marks)


@given(SQL)
@example("'a'\n'b'")
@example("e'\\''\n'\\''")
@example("/*/**/*/1")
@example("a$$b$$'")
def test_any_text_is_cut_as_postgres_scanner_cuts_it(text: str) -> None:
    """For random text, the same characters are inside of something, and all of it is tokens."""
    found = list(tokens(text))
    assert "".join(text[token.start : token.end] for token in found) == text
    try:
        marks = postgres_marks(text)
    except pglast.Error:
        return
    assert all(token.closed for token in found)
    ours = [" "] * len(text)
    for token in found:
        if token.kind in TEXTS:
            ours[token.start : token.end] = "x" * (token.end - token.start)
    assert "".join(ours) == marks


BODY = "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC "


@pytest.mark.parametrize(
    "script",
    [
        "SELECT 1",
        "SELECT 1;;\n; -- x\nSELECT ';' /* ; */ || $$;$$; ",
        'SELECT 1 AS ";"; COMMIT',
        "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b); SELECT 1",
        BODY + "SELECT 1; SELECT 2; END; COMMIT",
        BODY.replace("CREATE", "create /* ; */ or REPLACE") + "SELECT 1; END; COMMIT",
        BODY.replace("FUNCTION", "PROCEDURE").replace("RETURNS int ", "") + "SELECT 1; END; COMMIT",
        BODY + "END; COMMIT",
        BODY + "SELECT CASE WHEN true THEN CASE a WHEN 1 THEN 2 END END; END; COMMIT",
        BODY + "SELECT 1 case; SELECT 2; END; COMMIT",
        BODY + "SELECT 1 AS end; SELECT 2 AS case; END; COMMIT",
        BODY + "SELECT 1 end; SELECT 2; END; COMMIT",
        BODY + "SELECT t.end, t.case FROM t; END; COMMIT",
        BODY + "SELECT (SELECT 1 case), CASE (SELECT 1 end) WHEN 1 THEN 2 END; END; COMMIT",
        BODY + "SELECT (CASE WHEN true THEN 1 END); END; COMMIT",
        "SELECT 'BEGIN ATOMIC'; COMMIT; -- begin atomic",
        "SELECT begin atomic FROM t; COMMIT",
        'CREATE TABLE "BEGIN ATOMIC" (a int); COMMIT',
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'begin atomic'; COMMIT",
        "SELECT 1 AS a$$; COMMIT; SELECT 2 AS b$$",
    ],
)
def test_scripts_are_split_as_postgres_parser_splits_them(script: str) -> None:
    """Semicolons in literals, comments, rules and function bodies end no statement."""
    assert tuple(script[start:end] for start, end in statements(script)) == tuple(
        piece.rstrip() for piece in split(script, with_parser=True)
    )
