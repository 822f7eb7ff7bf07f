"""`liteorm models`: classes written from a live schema of every kind of object."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import postgres
from liteorm._check import check
from liteorm._cli import main
from liteorm._cli.modelgen.lines import field_lines
from liteorm._cli.modelgen.naming import class_name, field_name, field_names, member_name
from liteorm._core.models.classes import model_of
from liteorm._core.sql.text import quoted
from liteorm_testing import Database, Server, database

ROOT = Path(__file__).parent.parent.parent
FILES = Path(__file__).parent / "files"


@pytest.fixture(scope="module")
def everything(liteorm_server: Server) -> Iterator[Database]:
    """A database with every kind of object, with rows."""
    with database(liteorm_server, FILES / "everything.sql") as made:
        yield made


@pytest.fixture(scope="module")
def db(everything: Database) -> Iterator[postgres.DB]:
    """A session on it."""
    with postgres.open(everything.dsn, max_size=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def written(everything: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that was written."""
    path = tmp_path_factory.mktemp("models") / "models_written.py"
    assert main(["models", "--dsn", everything.dsn, "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def module(written: Path) -> Iterator[ModuleType]:
    """The file as a module."""
    yield imported(written)
    del sys.modules["models_written"]


def imported(path: Path) -> ModuleType:
    """Import a file."""
    spec = importlib.util.spec_from_file_location("models_written", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["models_written"] = found
    spec.loader.exec_module(found)
    return found


def tables(module: ModuleType) -> list[Any]:
    """Return the classes that have a table."""
    return [value for value in vars(module).values() if hasattr(value, "__liteorm_table__")]


def test_every_object_has_a_class(db: postgres.DB, module: ModuleType) -> None:
    """Tables, views, materialised views, partitioned tables, enums and composites."""
    known = {model_of(cls).table.text for cls in tables(module)}  # type: ignore[union-attr]
    rows = db.query(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition "
        "AND n.nspname IN ('public', 'shop', 'Odd Names')"
    )
    assert known == set(liteorm.scan(rows, str))
    assert len(known) >= 28
    for name in ("Class", "Mood", "OrderState", "Address", "Parcel"):
        assert hasattr(module, name)


def test_every_row_scans(db: postgres.DB, module: ModuleType) -> None:
    """Each class takes every row of its table, NULLs and odd values included."""
    count = 0
    for cls in tables(module):
        model = model_of(cls)
        table = model.table
        assert table is not None
        if not model.fields:
            continue
        columns = ", ".join(quoted(field.column) for field in model.fields)
        name = quoted(table.schema, table.name) if table.schema else quoted(table.name)
        rows = db.query(f"SELECT {columns} FROM {name}")  # type: ignore[arg-type]
        assert len(rows) > 0, name
        count += len(liteorm.scan(rows, cls))
    assert count >= 50


def test_the_checker_agrees(db: postgres.DB, module: ModuleType) -> None:
    """`liteorm check` has nothing to say of the classes."""
    assert [str(finding) for finding in check(db, module) if finding.level == "error"] == []


def test_rows_can_be_stored_again(db: postgres.DB, module: ModuleType) -> None:
    """An object of a written class can be inserted, generated columns come back."""
    product = module.Products(sku="n1", title="New", price=1, tags=["a"], attributes={})
    with pytest.raises(LookupError), db.transaction() as tx:
        assert attrs.evolve(tx.insert(product), price=1) == product
        people = [module.People(id=n, name="x") for n in range(10, 20)]
        assert tx.insert_many(people) == 10
        lines = liteorm.scan(tx.query("SELECT * FROM shop.order_lines"), module.OrderLines)
        assert tx.get(module.OrderLines, (1, 1)) == lines[0]
        shipped = tx.insert(module.Shipments(order_id=1, line=1, exact=0.5))
        assert shipped.id > 2
        raise LookupError


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "--isolated"],
        ["ruff", "format", "--isolated", "--check"],
        ["mypy", "--strict", "--no-incremental", "--follow-imports=silent"],
    ],
)
def test_checkers_of_python_accept_the_file(written: Path, command: list[str]) -> None:
    """Ruff and mypy --strict have nothing to say, at their own settings."""
    run = subprocess.run(
        [sys.executable, "-m", *command, written.name],
        cwd=written.parent,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT), "HOME": str(written.parent)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_second_run_changes_nothing(
    everything: Database, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same schema gives the same text, and the file is not touched."""
    before = written.stat().st_mtime_ns
    assert main(["models", "--dsn", everything.dsn, "-o", str(written)]) == 0
    assert written.stat().st_mtime_ns == before
    assert "unchanged" in capsys.readouterr().err
    assert main(["models", "--dsn", everything.dsn]) == 0
    assert capsys.readouterr().out == written.read_text(encoding="utf-8")


def test_only_what_changed_is_written_anew(liteorm_server: Server, tmp_path: Path) -> None:
    """A class whose table is as it was keeps what was added by hand; others are replaced."""
    schema = "CREATE TABLE a (id int NOT NULL); CREATE TABLE b (id int NOT NULL)"
    path = tmp_path / "models.py"
    with database(liteorm_server, schema) as made, postgres.open(made.dsn) as db:
        arguments = ["models", "--dsn", made.dsn, "-o", str(path)]
        assert main(arguments) == 0
        text = path.read_text()
        text = text.replace("import attrs\n", "import os\n\nimport attrs\n")
        for name in ("a", "b"):
            text = text.replace(f'"""Table public.{name}."""', f'"""My {name}."""')
        path.write_text(text)
        assert main(arguments) == 0
        assert path.read_text() == text
        db.execute("ALTER TABLE b ADD day date; CREATE TABLE c (id int)")
        assert main(arguments) == 0
        db.execute("DROP TABLE a")
        after = path.read_text()
        assert '"""My a."""' in after
        assert '"""My b."""' not in after
        assert "    day: datetime.date | None = None\n" in after
        assert "class C:" in after
        assert "import os\n" in after
        assert "import datetime\n" in after
        compile(after, "models.py", "exec")
        assert main(arguments) == 0
        assert "class A:" not in path.read_text()


def test_tables_and_schemas_can_be_chosen(
    everything: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--table` takes a table and the types it needs, `--schema` all of a schema."""
    assert main(["models", "--dsn", everything.dsn, "--table", "shop.orders"]) == 0
    text = capsys.readouterr().out
    for name in ("class Orders:", "class Parcel:", "class Address:", "class OrderState(", "Mood("):
        assert name in text
    assert "class Customers" not in text
    assert main(["models", "--dsn", everything.dsn, "--schema", "Odd Names"]) == 0
    text = capsys.readouterr().out
    assert "class MyTable:" in text
    assert "class Class(enum.Enum):" in text
    assert "class Mood" not in text
    assert main(["models", "--dsn", everything.dsn, "--table", "nope"]) == 2
    assert 'there is no table or view "nope"' in capsys.readouterr().err


def test_comments_and_keys_are_kept(written: Path) -> None:
    """Comments become docstrings, foreign keys, domains and defaults become comments."""
    text = written.read_text(encoding="utf-8")
    for piece in (
        '    """How far an order has come."""',
        '    """People who bought something, or "will" soon."""',
        "    # As told by the shop assistant.\n    mood: Mood | None = None",
        '@liteorm.table("shop.order_lines", key=("order_id", "line"))',
        "    # (order_id, line) references shop.order_lines (order_id, line)",
        "    # domain shop.email\n    email: str",
        "    # default now()\n    created_at: datetime.datetime",
        "    id: typing.Annotated[int, liteorm.Column(generated=True)] = 0",
        "    during: liteorm.Range[datetime.datetime]",
        "    tags: list[str]\n    sizes: list[list[int | None]] | None = None",
        '# column "acl" (aclitem) has no form that liteorm reads',
    ):
        assert piece in text


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("users", "Users"),
        ("order_lines", "OrderLines"),
        ("My Table", "MyTable"),
        ("1table", "T1table"),
        ("none", "None_"),
        ("", "T"),
        ("日本", "T日本"),
        ("UserAccount", "UserAccount"),
    ],
)
def test_class_names(name: str, cls: str) -> None:
    """Any name becomes one that a class can have."""
    assert class_name(name) == cls
    assert cls.isidentifier()


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("id", "id"),
        ("class", "class_"),
        ("createdAt", "created_at"),
        ("with space", "with_space"),
        ("1st", "column_1st"),
        ("_x", "x"),
        ("datetime", "datetime_"),
        ("str", "str_"),
        ("ﬁ", "fi"),
        ("", "column_"),
        ("größe", "größe"),
    ],
)
def test_field_names(column: str, field: str) -> None:
    """Any column becomes a field that hides nothing the annotations use."""
    assert field_name(column) == field


def test_names_that_would_be_the_same_are_told_apart() -> None:
    """A column that can keep its name does; the others get a number."""
    assert field_names(["createdAt", "created_at", "Created At"]) == {
        "created_at": "created_at",
        "createdAt": "created_at_2",
        "Created At": "created_at_3",
    }
    assert [member_name("a-b"), member_name("a b", ["A_B"])] == ["A_B", "A_B_2"]


ANNOTATIONS = [
    "int",
    "int | None",
    "liteorm.Range[datetime.datetime]",
    "list[liteorm.Range[datetime.datetime] | None] | None",
    "list[dict[str, str | None] | None] | None | liteorm.Unset",
    "SomeVeryLongClassName | None | liteorm.Unset",
]


def test_fields_of_any_length_are_formatted(tmp_path: Path) -> None:
    """Whatever the lengths of names and annotations, ruff's formatter changes nothing."""
    lines = ["import typing", "", "import liteorm", "", "", "class X:"]
    for annotation, length in product(ANNOTATIONS, range(6, 64)):
        columns = [[], ['name="x"'], [f'name="{"y" * length}"', "generated=True"]]
        value = (
            "liteorm.UNSET" if "Unset" in annotation else "None" if "None" in annotation else "0"
        )
        for marks, default in product(columns, (value, None)):
            name = f"f{len(lines)}_".ljust(length, "a")
            lines += field_lines(name, annotation, marks, default)
    path = tmp_path / "fields.py"
    path.write_text("\n".join(lines) + "\n")
    run = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


NAMED_LIKE_MODULES = """
CREATE SCHEMA "say""so";
CREATE TABLE attrs (a int);
CREATE TABLE uuid (a int);
CREATE TABLE "say""so"."back\\slash" (a int);
CREATE TABLE "it's ""both"" x" (a int);
"""


@pytest.mark.parametrize("style", ["attrs", "dataclass", "pydantic", "struct"])
def test_names_of_tables_need_no_imports_and_are_formatted(
    liteorm_server: Server, tmp_path: Path, style: str
) -> None:
    """A module is imported only if code uses it, and literals are as ruff leaves them."""
    path = tmp_path / "found.py"
    with database(liteorm_server, NAMED_LIKE_MODULES) as made:
        arguments = ["--schema", "public", "--schema", 'say"so', "--style", style, "-o", str(path)]
        assert main(["models", "--dsn", made.dsn, *arguments]) == 0
    for command in (["check", "--select", "E,F"], ["format", "--check"]):
        ran = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", str(path)],
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
