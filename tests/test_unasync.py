"""Hold the converter that writes the sync twins."""

from __future__ import annotations

import importlib.util
import textwrap
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parent.parent / ".ci" / "unasync.py"
_spec = importlib.util.spec_from_file_location("unasync", PATH)
assert _spec is not None
assert _spec.loader is not None
unasync = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(unasync)


def converted(source: str) -> str:
    """Return the twin of a source without its header."""
    text: str = unasync.twin(textwrap.dedent(source), "x.py", set())
    return text.removeprefix(unasync.header("x.py"))


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ("async def f() -> AsyncDB: ...\n", "def f() -> DB: ...\n"),
        ("x = await f(await g())\n", "x = f(g())\n"),
        ("x = [_AsyncA(y) async for y in z]\n", "x = [_A(y) for y in z]\n"),
        ("from a._async.b import c\n", "from a._sync.b import c\n"),
        ("from a import AsyncB, B, C\n", "from a import B, C\n"),
        ('__all__ = ["AsyncB", "open_async"]\n', '__all__ = ["B", "open"]\n'),
        ("async with a as b:\n    pass\n", "with a as b:\n    pass\n"),
        ("import pytest\n\npytestmark = pytest.mark.anyio\n", "import pytest\n\n"),
        ("a: Iterable[Any] | AsyncIterable[Any]\n", "a: Iterable[Any]\n"),
        ("@pytest.mark.anyio\nasync def test_a(): ...\n", "def test_a(): ...\n"),
    ],
)
def test_names_are_converted(source: str, twin: str) -> None:
    """Keywords go, names follow the map, imports stay single."""
    assert converted(source) == twin


@pytest.mark.parametrize(
    "source",
    [
        'x = "await AsyncDB"\n',
        "# await AsyncDB\n",
        "asynchronous = Asyncio = awaited = 1\n",
        'x = f"{y} await"\n',
    ],
)
def test_text_and_other_names_stay(source: str) -> None:
    """Strings, comments and names that only look alike are left as they are."""
    assert converted(source) == source


def test_docstrings_are_converted_where_they_are_code() -> None:
    """Code spans, fenced blocks and doctest lines of a docstring follow; its prose stays."""
    source = '''
    def f():
        """Await an answer of `AsyncDB`.

        ```python
        async with db.transaction() as tx:
            await tx.execute("async")
        ```

        >>> await notify_async(db, "a")
        """
    '''
    twin = converted(source)
    assert "Await an answer of `DB`." in twin
    assert "    with db.transaction() as tx:\n        tx.execute" in twin
    assert '>>> notify(db, "a")' in twin


def test_an_f_string_that_would_have_to_change_is_refused() -> None:
    """An f-string with an async expression is an error that names the line."""
    with pytest.raises(SystemExit, match=r"x\.py:2: .*AsyncDB"):
        converted('a = 1\nx = f"{AsyncDB.name}"\n')


def test_a_missing_or_cut_twin_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check compares whole files, and finds twins without a source."""
    monkeypatch.setattr(unasync, "ROOT", tmp_path)
    monkeypatch.setattr(unasync, "TREES", {"a": "s"})
    monkeypatch.setattr(unasync, "RENAMES", {"asleep": "sleep"})
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("await asleep()\nb\nc\n")
    assert unasync.main(["--check"]) == 1
    assert unasync.main([]) == 0
    assert unasync.main(["--check"]) == 0
    twin = tmp_path / "s" / "x.py"
    twin.write_text(twin.read_text()[:-2])
    (tmp_path / "s" / "y.py").write_text("")
    capsys.readouterr()
    assert unasync.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "s/x.py" in said
    assert "s/y.py" in said


def test_an_unused_entry_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An entry of the map that no source uses is named."""
    monkeypatch.setattr(unasync, "ROOT", tmp_path)
    monkeypatch.setattr(unasync, "RENAMES", {"asleep": "sleep"})
    assert unasync.main(["--check"]) == 1
    assert "asleep" in capsys.readouterr().out
