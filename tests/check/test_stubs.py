"""`liteorm stubs`: statements of .sql files are typed for mypy, and a stale stub is an error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from liteorm._cli import main
from liteorm_testing import Database, Server, database

ROOT = Path(__file__).parent.parent.parent
SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, born date, tags text[], mood mood,
                    span daterange);
"""
SQL = """
-- name: by_id :one -> User
-- The user with an id.
SELECT id, name FROM users WHERE id = %(id)s;

-- name: maybe :optional -> User
-- params: ById
SELECT id, name FROM users WHERE id = %(id)s;

-- name: list_users :all -> User
-- choice sort newest: id DESC
-- choice sort name: name
SELECT {columns} FROM users
WHERE true
  AND born > %(since)s       --? since
  AND tags && %(tags)s       --? tags
  AND mood IS NOT NULL       --? moody
  AND span @> %(day)s        --? day
ORDER BY {sort};

-- name: each :iter -> tuple[int, str]
SELECT id, name FROM users;

-- name: rename :execute
UPDATE users SET name = %s WHERE id = %s;

-- name: count_all :one -> int
SELECT count(*) FROM users;
"""
MODULE = '''
"""Queries."""

from __future__ import annotations

import datetime as dt
import os
import os.path
from datetime import date
from typing import TYPE_CHECKING, Any, TypedDict, overload

import attrs

import liteorm
from liteorm import load

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 5
first, second = 1, "x"
third = fourth = 5
double = lambda n: n * 2
NAMES: list[str] = []
UserId = int


@attrs.frozen
class User:
    """A user."""

    id: int
    name: str = "nobody"

    @property
    def upper(self) -> str:
        """Upper case."""
        return self.name.upper()

    def many(
        self,
        count: int,  # how often
        *,
        sep: str = ", ",
    ) -> str:
        return sep.join([self.name] * count)


@attrs.define
class Tagged:
    tags: list[str] = attrs.field(factory=list)
    name: str = attrs.field(default="x", repr=False)
    made: int = attrs.field(init=False)
    _x: int = attrs.field(default=1, alias="y")

    @overload
    def one(self, n: int) -> int: ...
    @overload
    def one(self, n: str) -> str: ...
    def one(self, n: Any) -> Any:
        return n


@overload
def either(n: int) -> int: ...
@overload
def either(n: str) -> str: ...
def either(n: Any) -> Any:
    return n


class ById(TypedDict):
    id: int


class Empty:
    pass


def helper(day: date, names: Sequence[str] = ()) -> str:
    return os.sep.join(names) + str(day)


async def later() -> None:
    pass


def odd(  # a comment: with a colon
    mark: str = "#:",
    words: tuple[str, ...] = ("a:", 'b#"'),
) -> str:  # another: one
    # A comment.
    """Docstring."""
    return mark + words[0]


queries = load("q.sql")
other = liteorm.statement(int, "SELECT 1")
'''
RIGHT = """
from __future__ import annotations

from datetime import date
from typing import assert_type

import liteorm
import stubbed
from stubbed import LIMIT, User, helper, queries


def sync(db: liteorm.Session) -> None:
    assert_type(queries.by_id(db, id=5), User)
    assert_type(queries.by_id.optional(db, id=5), User | None)
    assert_type(queries.maybe(db, id=5), User | None)
    assert_type(queries.list_users(db, since=None, tags=["a"], moody=True, day=None,
                                   sort="newest"), list[User])
    with queries.each(db) as rows:
        for row in rows:
            assert_type(row, tuple[int, str])
    assert_type(queries.rename(db, "x", 5), liteorm.Result)
    assert_type(queries.count_all(db), int)
    assert_type(queries.by_id.sql, str)
    for name in queries:
        assert_type(name, str)
    assert_type(helper(date.today(), ["a"]), str)
    assert_type(LIMIT, int)
    assert_type(stubbed.odd("#", ("x",)), str)
    assert_type(User(1).upper, str)
    assert_type(User(1).many(2, sep=""), str)
    assert_type(stubbed.other.one(db), int)
    assert_type(stubbed.second, str)
    assert_type(stubbed.fourth, int)
    assert_type(stubbed.either("x"), str)
    tagged = stubbed.Tagged(["x"], "n", y=2)
    assert_type(tagged.one(1), int)
    assert_type(tagged.made, int)


async def later(db: liteorm.AsyncSession) -> None:
    assert_type(await queries.by_id(db, id=5), User)
    assert_type(await queries.rename(db, "x", 5), liteorm.Result)
    async with queries.each(db) as rows:
        async for row in rows:
            assert_type(row, tuple[int, str])
    await stubbed.later()
"""
WRONG = """
import liteorm
from stubbed import queries


def wrong(db: liteorm.Session, adb: liteorm.AsyncSession) -> None:
    queries.nonsense
    queries.by_id(db, id="x")
    queries.by_id(db, idd=5)
    queries.by_id(db)
    queries.maybe(db, id=None)
    queries.list_users(db, since=None, tags=[1], moody=True, day=None, sort="newest")
    queries.list_users(db, since=None, tags=None, moody=True, day=None, sort="oldest")
    queries.rename(db, 5, "x")
    users: list[str] = queries.list_users(
        db, since=None, tags=None, moody=True, day=None, sort="name")
    queries.by_id(adb, id=5).name
    queries.rename.one(db, "x", 5)
"""


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with users."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the module `stubbed`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delenv("LITEORM_DSN", raising=False)
    (tmp_path / "q.sql").write_text(SQL)
    (tmp_path / "stubbed.py").write_text(MODULE.lstrip())
    yield tmp_path
    sys.modules.pop("stubbed", None)


WRONG_LINES = [
    number
    for number, line in enumerate(WRONG.splitlines(), start=1)
    if number > WRONG[: WRONG.index("    queries.nonsense")].count("\n")
    and 'sort="name")' not in line
]
"""Where something is wrong; what spans two lines is where it begins."""


def run(folder: Path, *arguments: str) -> list[str]:
    """Run a tool; return what it complains about."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines()


def test_the_stub_types_every_call(folder: Path, made: Database) -> None:
    """Mypy takes what is right, with everything else the module has, and the stub is clean."""
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    (folder / "right.py").write_text(RIGHT)
    assert run(folder, "mypy", "--strict", "right.py", "stubbed.pyi") == []
    assert run(folder, "ruff", "check", "--isolated", "--extend-select=I", "stubbed.pyi") == []
    assert run(folder, "ruff", "format", "--isolated", "--diff", "stubbed.pyi") == []


def test_a_module_under_two_names_is_imported_in_order(folder: Path) -> None:
    """The module calls datetime dt, and the stub needs it by its own name: ruff is content."""
    (folder / "q.sql").write_text("-- name: one :one -> int\n-- params: At\nSELECT 1 WHERE %(at)s;")
    (folder / "stubbed.py").write_text(
        "import datetime as dt\nfrom typing import TypedDict\n\nimport liteorm\n\n\n"
        "class At(TypedDict):\n    at: dt.date\n\n\nqueries = liteorm.load('q.sql')\n"
    )
    assert main(["stubs", "stubbed"]) == 0
    text = (folder / "stubbed.pyi").read_text()
    assert text.index("import datetime\n") < text.index("import datetime as dt\n")
    assert run(folder, "ruff", "check", "--isolated", "--extend-select=I", "stubbed.pyi") == []


def test_what_is_wrong_is_an_error(folder: Path, made: Database) -> None:
    """Each wrong line is one for mypy: names, types, a forgotten await."""
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    (folder / "wrong.py").write_text(WRONG)
    said = run(folder, "mypy", "--strict", "wrong.py")
    wrong = {int(line.split(":")[1]) for line in said if ": error:" in line}
    assert set(WRONG_LINES) <= wrong


def test_pyright_reads_the_stub_alike(folder: Path, made: Database) -> None:
    """Strict, it has nothing to say of what is right, and finds each wrong line."""
    pytest.importorskip("pyright")
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "extraPaths": [str(ROOT)]})
    )
    said = run(folder, "pyright", "--pythonpath", sys.executable, ".")
    found = [re.search(r"(\w+\.pyi?):(\d+):\d+ - error:", line) for line in said]
    errors = {(match[1], int(match[2])) for match in found if match is not None}
    errors = {(name, line) for name, line in errors if name != "stubbed.py"}
    assert errors == {("wrong.py", line) for line in WRONG_LINES}


def test_a_second_run_changes_nothing(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text depends on the module and the schema alone; descriptions will do."""
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    text = (folder / "stubbed.pyi").read_text()
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    assert "stubbed.pyi: unchanged" in capsys.readouterr().err
    assert main(["check", "stubbed", "--dsn", made.dsn, "--write"]) == 0
    assert main(["stubs", "stubbed", "--frozen"]) == 0
    assert (folder / "stubbed.pyi").read_text() == text


def test_a_stale_stub_is_found(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` says so, offline too; a stub of somebody's own is none of its business."""
    check = ["check", "stubbed", "--format", "github"]
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    assert main([*check, "--dsn", made.dsn, "--write"]) == 0
    assert main([*check, "--frozen"]) == 0
    sys.modules.pop("stubbed")
    text = SQL.replace("count_all", "how_many")
    (folder / "q.sql").write_text(text)
    capsys.readouterr()
    assert main([*check, "--dsn", made.dsn]) == 1
    out = capsys.readouterr().out
    assert "::error file=stubbed.pyi,line=1,title=stubbed::the stub is out of date" in out
    assert "liteorm stubs stubbed" in out
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 0
    assert main([*check, "--dsn", made.dsn]) == 0
    stub = folder / "stubbed.pyi"
    made_anew = stub.read_text()
    formatter = [sys.executable, "-m", "ruff", "--config", "line-length = 120"]
    subprocess.run([*formatter[:3], "format", *formatter[3:], stub], check=True)
    subprocess.run([*formatter[:3], "check", "--select=I", "--fix", stub], check=True)
    assert stub.read_text() != made_anew
    assert main([*check, "--dsn", made.dsn]) == 0
    stub.write_text("queries: object\n")
    assert main([*check, "--dsn", made.dsn]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["stubbed"], "the parameters of stubbed.by_id have no declared types: give --dsn"),
        (["stubbed", "--frozen"], "there is no folder .liteorm"),
        (["stubbed", "--schema", "nope.sql"], "there is no nope.sql"),
        (["./stubbed.py"], "give the name of the module: stubbed"),
        (["nope"], "a module cannot be imported: No module named 'nope'"),
        (["plain"], "no module of plain calls liteorm.load"),
        (["stubbed", "--dsn", "host=127.0.0.1 port=1"], "ConnectFailed"),
    ],
)
def test_wrong_use_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    """It ends with 2, and nothing is written."""
    (folder / "plain.py").write_text("import liteorm\n")
    assert main(["stubs", *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
    assert not (folder / "stubbed.pyi").exists()


def test_somebodys_own_stub_is_left_alone(
    folder: Path, made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not written by the command is not written over."""
    (folder / "stubbed.pyi").write_text("x: int\n")
    assert main(["stubs", "stubbed", "--dsn", made.dsn]) == 2
    assert "was not written by liteorm stubs" in capsys.readouterr().err
    assert (folder / "stubbed.pyi").read_text() == "x: int\n"


def test_declared_parameters_need_no_server(folder: Path) -> None:
    """With `params:` everywhere, nobody is asked."""
    (folder / "q.sql").write_text(
        dedent("""
        -- name: maybe :optional -> User
        -- params: ById
        SELECT id, name FROM users WHERE id = %(id)s;
        """)
    )
    assert main(["stubs", "stubbed"]) == 0
    text = (folder / "stubbed.pyi").read_text()
    assert "def __call__(self, session: liteorm.Session, /, *, id: int) -> User | None: ..." in text
