"""The folder of `--write`: what several packages and other programs keep in it stays."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm._cli import main
from liteorm_testing import Database, Server, database

SAME = "SELECT id FROM a WHERE id = %(id)s"
DECLARED = {"one": "int", "two": "int | None", "three": "decimal.Decimal", "four": "str"}


@pytest.fixture(scope="module")
def made(liteorm_server: Server) -> Iterator[Database]:
    """A database with a table."""
    with database(liteorm_server, "CREATE TABLE a (id numeric NOT NULL)") as found:
        yield found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with modules that have one SQL text, each with a type of its own."""
    for name, type_ in DECLARED.items():
        (tmp_path / f"written_{name}.py").write_text(
            "import decimal\nimport liteorm\n\n"
            f"a = liteorm.statement(decimal.Decimal, {SAME!r}, params={{'id': {type_}}})\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield tmp_path
    for name in DECLARED:
        sys.modules.pop(f"written_{name}", None)


@pytest.mark.parametrize("names", list(itertools.permutations(DECLARED, 3)))
def test_one_text_serves_all_that_declare_it(
    made: Database, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What one package asks of it leaves alone what another did."""
    modules = [f"written_{name}" for name in names]
    live: list[str] = []
    for module in modules:
        main(["check", module, "--dsn", made.dsn, "--write", "--format", "json"])
        live.append(capsys.readouterr().out)
    for module, said in zip(modules, live, strict=True):
        main(["check", module, "--frozen", "--format", "json"])
        assert capsys.readouterr().out == said
    main(["check", *modules, "--dsn", made.dsn, "--write", "together"])
    first = {path.name: path.read_text() for path in Path(".liteorm").iterdir()}
    assert first == {path.name: path.read_text() for path in Path("together").iterdir()}


def test_what_no_module_asks_for_any_more_goes(made: Database, folder: Path) -> None:
    """As soon as all whom the text is for are asked together."""
    modules = ["written_one", "written_three"]
    for module in modules:
        main(["check", module, "--dsn", made.dsn, "--write"])
    [path] = Path(".liteorm").iterdir()
    before = json.loads(path.read_text())
    (folder / "written_three.py").write_text(
        "import liteorm\n\nx = liteorm.statement(int, 'SELECT 1')\n"
    )
    sys.modules.pop("written_three")
    main(["check", *modules, "--dsn", made.dsn, "--write"])
    after = json.loads(path.read_text())
    assert after["for"] == ["written_one"]
    assert len(str(after)) < len(str(before))


def test_files_of_other_programs_stay(made: Database) -> None:
    """The folder may be one that has other JSON in it."""
    others = {
        "package.json": '{"name": "shop"}',
        "statement-1.json": '{"for": "everybody"}',
        "table-a.json": '{"columns": []}',
        "list.json": '{"for": ["written_one"], "fonts": []}',
    }
    for name, text in others.items():
        Path(name).write_text(text)
    assert main(["check", "written_one", "--dsn", made.dsn, "--write", "."]) == 0
    assert main(["check", "written_two", "--dsn", made.dsn, "--write", "."]) == 0
    for name, text in others.items():
        assert Path(name).read_text() == text, name
