"""`--liteorm-check MODULE`: a test for each thing that a module declares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from liteorm_testing import Server

MODULE = """
import attrs
import liteorm

@liteorm.table("users", key="id")
@attrs.define
class User:
    id: int
    name: str

good = liteorm.statement(User, "SELECT id, name FROM users")
bad = liteorm.statement(User, "SELECT id, nam FROM users")
unsure = liteorm.statement(str, "SELECT %s::text")
"""

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def liteorm_schema():
    return "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)"
"""


def options(server: Server) -> list[str]:
    """Return what makes the run use the server that is there, and import the project's modules."""
    return [f"--liteorm-server={server.dsn}", "-o", "pythonpath=."]


Run = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """A project with a module to check and a schema in the tests' folder."""
    pytester.makepyfile(app=MODULE)
    tests = pytester.mkdir("tests")
    (tests / "conftest.py").write_text(CONFTEST)
    (tests / "test_other.py").write_text("def test_other(): pass")
    return Path(pytester.path)


def test_each_declaration_is_a_test(project: Path, run: Run, liteorm_server: Server) -> None:
    """What is right passes, what is wrong fails with the sentence of the checker."""
    result = run("-v", *options(liteorm_server), "--liteorm-check", "app")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*liteorm-check?app:good? PASSED*",
            "*liteorm-check?app:bad? FAILED*",
            "*liteorm-check?app:User? PASSED*",
            '*bad: error: column "nam" does not exist*',
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_without_tests_of_its_own(project: Path, run: Run, liteorm_server: Server) -> None:
    """The option alone makes a run, and a name picks out of it."""
    (project / "conftest.py").write_text(CONFTEST)
    for name in ("test_other.py", "conftest.py"):
        (project / "tests" / name).unlink()
    result = run(*options(liteorm_server), "--liteorm-check", "app", "-k", "good or User")
    result.assert_outcomes(passed=2, deselected=2)


def test_a_module_that_is_not_there(project: Path, run: Run, liteorm_server: Server) -> None:
    """A wrong name is a usage error."""
    result = run(*options(liteorm_server), "--liteorm-check", "nope")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--liteorm-check: No module named 'nope'*"])
