"""`liteorm models` into a file that is there already, and the kinds of classes it writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import liteorm
from liteorm import postgres
from liteorm._check import Finding, check
from liteorm._cli import main
from liteorm_testing import Database, Server, database

ROOT = Path(__file__).parent.parent.parent
STYLES = ["attrs", "dataclass", "pydantic", "struct"]
SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,
    mood mood NOT NULL DEFAULT 'ok', "json" jsonb, born date,
    created timestamptz NOT NULL DEFAULT now(), span daterange
);
CREATE TABLE plain (id int PRIMARY KEY, what text);
CREATE VIEW names AS SELECT id, name FROM users;
CREATE TABLE alembic_version (version_num text PRIMARY KEY);
"""


@pytest.fixture
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database of its own for each test, which may change it."""
    with database(liteorm_server, SCHEMA) as found:
        yield found


def written(made: Database, path: Path, *options: str) -> str:
    """Run the command, twice: the second run changes nothing."""
    arguments = ["models", "--dsn", made.dsn, "-o", str(path), *options]
    assert main(arguments) == 0
    text = path.read_text()
    assert main(arguments) == 0
    assert path.read_text() == text
    compile(text, str(path), "exec")
    return text


def changed(made: Database, sql: Any) -> None:
    """Change the schema."""
    with postgres.open(made.dsn, max_size=1) as db:
        db.execute(sql)


def imported(text: str, name: str = "merged_models") -> types.ModuleType:
    """Return the text as a module."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, name, "exec"), vars(module))
    return module


def check_classes(made: Database, module: types.ModuleType) -> list[Finding]:
    """Return what is said of a module's tables."""
    with postgres.open(made.dsn, max_size=1) as db:
        return check(db, module)


@pytest.mark.parametrize(
    "before",
    [
        "",
        "\n\n",
        '"""My own words."""\n',
        "import os\nfrom typing import Any\n\n\ndef mine() -> Any:\n    return os.name\n",
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport datetime\n\nX = 1\n',
        "class Users:\n    pass\n",
        "# A comment only.\n",
        "import liteorm as lo, attrs\n",
        "import os",
        "from datetime import datetime\nfrom attrs import define\n\nX = datetime.now()\n",
        "import datetime as dt\n\ndatetime = dt.datetime.now()\n",
        "attrs = typing = liteorm = 1\n\nfor datetime in ():\n    pass\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import attrs\n",
        "#!/usr/bin/env python\n# coding: latin-1\n# On what is below.\nX = 'ü'\n",
        "# A licence.\n\nX = 1\n",
        "import os\n\f\nX = '\u2028'\n",
        "X = '''\n# liteorm models: table public.users 123456789012\nclass Other:\n'''\n",
        "\ufeffimport os\n",
        "import os\r\n\r\nX = 1\r\n",
    ],
)
def test_any_file_can_be_written_to(made: Database, tmp_path: Path, before: str) -> None:
    """What is there stays, whether or not a mark is in it."""
    path = tmp_path / "models.py"
    encoding = "latin-1" if "latin-1" in before else "utf-8"
    path.write_text(before, encoding=encoding, newline="")
    arguments = ["models", "--dsn", made.dsn, "-o", str(path)]
    assert main(arguments) == 0
    content = path.read_bytes()
    assert main(arguments) == 0
    assert path.read_bytes() == content
    assert content.count(b"\r\n") == (content.count(b"\n") if "\r" in before else 0)
    text = content.decode(encoding)
    for line in before.removeprefix("\ufeff").split("\n"):
        assert line in text
    assert text.startswith(before[:1] if before[:1] in "#\ufeff" else "")
    module = imported(text.removeprefix("\ufeff"))
    assert [str(finding) for finding in check_classes(made, module)] == []
    assert hasattr(module, "Plain")
    if "class Users" in before:
        assert hasattr(module, "PublicUsers")
    else:
        assert hasattr(module, "Users")


def test_what_is_no_python_is_refused(
    made: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, and the file is left as it is."""
    path = tmp_path / "models.py"
    for text, place in (("def (:\n", ":1: "), ("x = 1\n\nclass X:\n", ":3: "), ("x\0", ": ")):
        path.write_text(text)
        assert main(["models", "--dsn", made.dsn, "-o", str(path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"liteorm models: {path}{place}")
        assert "not Python" in said
        assert "<unknown>" not in said
        assert said.count("\n") == 1
        assert path.read_text() == text
    assert main(["models", "--dsn", made.dsn, "-o", str(tmp_path / "no" / "x.py")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["models", "--dsn", made.dsn, "-o", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_names_stay(made: Database, tmp_path: Path) -> None:
    """A table of the same name in another schema takes another name, the first one keeps its."""
    path = tmp_path / "models.py"
    text = written(made, path)
    text = text.replace("class Plain:", "class Simple:").replace("class Mood(", "class Temper(")
    text = text.replace("mood: Mood", "mood: Temper")
    text = text.replace('"""Table public.plain."""', '"""My words."""')
    path.write_text(text)
    changed(made, "CREATE SCHEMA a; CREATE TABLE a.users (id int); CREATE TABLE a.plain (id int)")
    after = written(made, path)
    assert text.rstrip() in after
    module = imported(after)
    for name in ("Users", "Simple", "Temper", "AUsers", "NewUsers"):
        assert hasattr(module, name)
    assert after.count("class Users:") == after.count("class Simple:") == 1
    assert '"""My words."""' in after
    changed(made, "ALTER TABLE plain ADD more int; ALTER TABLE users ADD moods mood[]")
    after = written(made, path)
    assert "class Simple:" in after
    assert "more: int | None" in after
    assert "moods: list[Temper | None] | None" in after


def test_code_of_the_users_own_stays(made: Database, tmp_path: Path) -> None:
    """Between the classes and behind the last one, also when that one changes or goes."""
    path = tmp_path / "models.py"
    text = written(made, path)
    before, mark, after = text.partition("# liteorm models: insert")
    text = f"{before}BETWEEN = 1\n\n\n{mark}{after}\n\ndef last() -> int:\n    return 1\n"
    path.write_text(text)
    assert written(made, path) == text
    changed(made, "CREATE TABLE more (id int); DROP TABLE plain; ALTER TABLE users ADD x int")
    after = written(made, path)
    assert "BETWEEN = 1\n" in after
    assert after.endswith("def last() -> int:\n    return 1\n")
    assert "class Plain" not in after
    assert "class More:" in after
    changed(made, "DROP TABLE users CASCADE; DROP TABLE more")
    after = written(made, path)
    assert "BETWEEN = 1\n" in after
    assert "def last() -> int:\n    return 1\n" in after


def test_a_copy_of_a_class_is_the_users(made: Database, tmp_path: Path) -> None:
    """With its mark copied too: the first is written anew, the copy stays."""
    path = tmp_path / "models.py"
    text = written(made, path)
    start = text.index("# liteorm models: table public.plain")
    end = text.index("# liteorm models: ", start + 1)
    copy = text[start:end].replace("class Plain", "class Short")
    path.write_text(f"{text}\n\n{copy}")
    changed(made, "ALTER TABLE plain ADD more int; ALTER TABLE users ADD x int")
    after = written(made, path)
    assert after.endswith(copy)
    assert after.count("more: int | None") == 1


def test_names_that_an_encoding_has_not_lose_nothing(
    made: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is as it was, and the sentence says why."""
    path = tmp_path / "models.py"
    path.write_text("# coding: latin-1\n")
    changed(made, 'CREATE TABLE "日本" (id int)')
    assert main(["models", "--dsn", made.dsn, "-o", str(path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert path.read_text() == "# coding: latin-1\n"


def test_a_schema_is_written_whole(made: Database, tmp_path: Path) -> None:
    """With --schema what is gone from it goes, and what is in others stays."""
    path = tmp_path / "models.py"
    changed(made, "CREATE SCHEMA a; CREATE TABLE a.one (id int); CREATE TABLE a.two (id int)")
    written(made, path)
    changed(made, "DROP TABLE a.one; DROP TABLE plain")
    after = written(made, path, "--schema", "a")
    assert "class One" not in after
    assert "class Two" in after
    assert "class Plain" in after


def test_one_table_leaves_the_others(made: Database, tmp_path: Path) -> None:
    """With --table, only its class is written anew."""
    path = tmp_path / "models.py"
    text = written(made, path)
    changed(made, "ALTER TABLE plain ADD more int; ALTER TABLE users ADD other int")
    after = written(made, path, "--table", "plain")
    assert "more: int | None" in after
    assert "other: int" not in after
    for name in ("class Users:", "class Names:", "class Mood(", "class NewUsers:"):
        assert name in after
        assert name in text


def test_tables_can_be_left_out(
    made: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of migration tools are, and named; --exclude takes others."""
    text = written(made, tmp_path / "models.py")
    assert "AlembicVersion" not in text
    assert "left out: public.alembic_version" in capsys.readouterr().err
    text = written(made, tmp_path / "two.py", "--exclude", "pla*", "--exclude", "public.names")
    assert "class Plain" not in text
    assert "class Names" not in text
    assert "class Users" in text
    assert "class AlembicVersion" in written(
        made, tmp_path / "three.py", "--table", "alembic_version"
    )


def test_what_to_leave_out_is_taken_as_written(
    made: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only `*` is any text, and what fits nothing is named."""
    changed(
        made, 'CREATE TABLE "[p]" (id int); CREATE TABLE p (id int); CREATE TABLE "a?c" (i int)'
    )
    options = ["[p]", "a?c", "public.[n]*", "plai?", "USERS"]
    arguments = [word for option in options for word in ("--exclude", option)]
    assert main(["models", "--dsn", made.dsn, *arguments]) == 0
    said = capsys.readouterr()
    assert "left out: public.[p], public.a?c, public.alembic_version\n" in said.err
    for option in options[2:]:
        assert f"--exclude {option}: there is no such table or view\n" in said.err
    for name in ("P", "Plain", "Users", "Names"):
        assert f"class {name}:" in said.out
    assert main(["models", "--dsn", made.dsn, "--schema", "public", "--table", "a.users"]) == 2
    assert 'there is no table or view "a.users" in schema public' in capsys.readouterr().err


@pytest.mark.parametrize("style", STYLES)
def test_styles_are_clean(made: Database, tmp_path: Path, style: str) -> None:
    """Each kind of classes is formatted, and has the names that its kind allows."""
    path = tmp_path / f"models_{style}.py"
    text = written(made, path, "--style", style)
    for arguments in (["format", "--check", "--line-length", "88"], ["check"]):
        run = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--isolated", str(path)],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert run.returncode == 0, run.stdout + run.stderr
    first = {
        "attrs": "@attrs.define(kw_only=True)\nclass Users:",
        "dataclass": "@dataclasses.dataclass(kw_only=True)\nclass Users:",
        "pydantic": "class Users(pydantic.BaseModel):",
        "struct": "class Users(msgspec.Struct, kw_only=True):",
    }[style]
    assert first in text
    assert ("json_: " in text) == (style == "pydantic")


@pytest.mark.parametrize("style", STYLES)
def test_what_is_written_can_insert(made: Database, tmp_path: Path, style: str) -> None:
    """`NewUsers` leaves what the database fills out, and what has a default UNSET."""
    module = imported(written(made, tmp_path / "models.py", "--style", style))
    json = "json_" if style == "pydantic" else "json"
    with postgres.open(made.dsn, max_size=1) as db:
        findings = [str(item) for item in check(db, module)]
        assert findings == []
        user = db.insert(module.NewUsers(name="Ada"), returning=module.Users)
        assert (user.id, user.name, user.mood) == (1, "Ada", module.Mood.OK)
        assert db.get(module.Users, 1) == user
        sad = module.NewUsers(name="Bob", mood=module.Mood.SAD, **{json: {"a": [1, None]}})
        stored = db.insert(sad, returning=module.Users)
        assert (stored.mood, getattr(stored, json)) == (module.Mood.SAD, {"a": [1, None]})
        span = liteorm.Range(date(2024, 1, 1), date(2024, 2, 1))
        many = [module.NewUsers(name="Cy", span=span), module.NewUsers(name="Dee", span=None)]
        assert db.insert_many(many) == 2
        assert [n.name for n in liteorm.scan(db.query("SELECT * FROM names"), module.Names)] == [
            *("Ada", "Bob", "Cy", "Dee")
        ]
        assert db.get(module.Users, 3).span == span
        user.born = date(1815, 12, 10)
        assert db.update(user).born == user.born
        row = db.patch(module.Users, 1, module.NewUsers(name="Lovelace"))
        assert (row.name, row.mood) == ("Lovelace", module.Mood.OK)
        assert db.insert_returning(many, returning=module.Users)[1].name == "Dee"
        plain = [module.Plain(id=1, what="x"), module.Plain(id=2)]
        assert db.upsert_many(plain) == 2
        assert db.upsert(plain[1]) == plain[1]


USE = """
import {module}
import liteorm
from typing import assert_type
from {module} import Mood, NewUsers, Users


def right(db: liteorm.Session) -> None:
    user = db.insert(NewUsers(name="Ada", mood=Mood.SAD), returning=Users)
    assert_type(user, Users)
    assert_type(user.mood, Mood)
    assert_type(db.get(Users, user.id).name, str)
    db.insert_many([NewUsers(name="Bob"), NewUsers(name="Cy", mood=liteorm.UNSET)])


def wrong() -> None:
    NewUsers(name=5)
    NewUsers()
    NewUsers(name="x", id=1)
    NewUsers(name="x", mood="sad")
    {module}.Nonsense
"""
WRONG = range(USE[: USE.index("    NewUsers(name=5)")].count("\n") + 1, USE.count("\n") + 1)


@pytest.fixture(scope="module")
def used(liteorm_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with classes of each style, and a module that uses each."""
    folder = tmp_path_factory.mktemp("used")
    with database(liteorm_server, SCHEMA) as made:
        for style in STYLES:
            written(made, folder / f"models_{style}.py", "--style", style)
            (folder / f"use_{style}.py").write_text(USE.format(module=f"models_{style}"))
    config = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    "checker",
    [["mypy", "--strict"], ["pyright", "--pythonpath", sys.executable]],
    ids=lambda c: c[0],
)
def test_checkers_of_types_know_what_is_written(used: Path, checker: list[str]) -> None:
    """Of each style they take what is right, and find each line that is wrong."""
    pytest.importorskip(checker[0])
    run = subprocess.run(
        [sys.executable, "-m", *checker, "."],
        cwd=used,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"(\w+\.py):(\d+)(?::\d+)?(?: -|:) error:", run.stdout)
    errors = {(name, int(line)) for name, line in found}
    assert errors == {(f"use_{style}.py", line) for style in STYLES for line in WRONG}, run.stdout


def test_a_plain_table_has_no_insert_shape(made: Database, tmp_path: Path) -> None:
    """Where an insert sends the row, the row's class does."""
    text = written(made, tmp_path / "models.py")
    assert "class NewUsers:" in text
    assert "NewPlain" not in text
    assert "NewNames" not in text


HOSTILE = [
    "a\nimport os",
    "b\rx = 1",
    "c\u2028y = 2",
    'd"""; e',
    "f' + x",
    "g\\",
    "{h}",
    "# i",
    "\f",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_cannot_break_out(made: Database, tmp_path: Path, name: str) -> None:
    """Whatever a table, type, column, label or comment is called, it is no statement."""
    quoted = name.replace('"', '""')
    text = name.replace("'", "''")
    changed(
        made,
        f"""
        CREATE TYPE "{quoted}t" AS ENUM ('{text}');
        CREATE TYPE "{quoted}c" AS ("{quoted}" int);
        CREATE DOMAIN "{quoted}d" AS int;
        CREATE SCHEMA "{quoted}s";
        CREATE TABLE "{quoted}s"."{quoted}" ("{quoted}" "{quoted}t"[] PRIMARY KEY,
            c "{quoted}c" DEFAULT NULL, d "{quoted}d", x aclitem, y text DEFAULT '{text}');
        COMMENT ON TABLE "{quoted}s"."{quoted}" IS '{text}';
        COMMENT ON COLUMN "{quoted}s"."{quoted}".c IS '{text}';
        ALTER TABLE "{quoted}s"."{quoted}" ADD UNIQUE ("{quoted}");
        """,
    )
    for style in STYLES:
        source = written(made, tmp_path / f"{style}.py", "--style", style)
        module = imported(source)
        assert not {"os", "x", "y", "e"} & vars(module).keys()
