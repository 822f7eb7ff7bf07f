"""Fixtures that live in the event loop which runs a test (a plugin of `plugin`'s)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any, Final, cast

import pytest

from liteorm_testing.plugin.marks import transaction_options

__all__ = ["ASYNC_DB", "asyncio_fixtures", "asyncio_is_here", "in_the_tests_loop"]

ASYNC_DB: Final = pytest.StashKey[Any]()
"""The `AsyncDB` of a test that also asks for a transaction on it."""

_LOOP_SCOPES: Final = ("function", "class", "module", "package", "session")


def asyncio_is_here(config: pytest.Config) -> bool:
    """Whether pytest-asyncio is loaded, under whatever name."""
    plugins = config.pluginmanager.get_plugins()
    return any(getattr(one, "__name__", "") == "pytest_asyncio.plugin" for one in plugins)


def in_the_tests_loop(request: pytest.FixtureRequest, name: str) -> Any:
    """The value of the fixture of this name that lives in the event loop which runs the test."""
    marker = request.node.get_closest_marker("asyncio")
    if marker is not None and asyncio_is_here(request.config):
        scope = (
            marker.kwargs.get("loop_scope")
            or marker.kwargs.get("scope")
            or request.config.getini("asyncio_default_test_loop_scope")
            or "function"
        )
        return request.getfixturevalue(f"_{name}_{scope}")
    if "anyio_backend" in request.fixturenames:
        backend = request.getfixturevalue("anyio_backend")
        runner = backend if isinstance(backend, str) else backend[0]
        if runner != "asyncio":
            pytest.fail(
                f"{name} needs asyncio, which psycopg is built on; this test runs on "
                f'{runner}. Let the fixture anyio_backend return "asyncio"',
                pytrace=False,
            )
        return request.getfixturevalue(f"_{name}_anyio")
    pytest.fail(
        f"{request.node.nodeid} asks for {name}, and nothing runs it in an event loop: "
        "let it be an async def, install pytest-asyncio or anyio, and mark the test "
        "pytest.mark.asyncio or pytest.mark.anyio",
        pytrace=False,
    )


async def _async_db(request: pytest.FixtureRequest, liteorm_database: Any) -> AsyncGenerator[Any]:
    from liteorm import postgres

    async with await postgres.open_async(
        liteorm_database.dsn, application_name="liteorm_async_db"
    ) as db:
        yield db


async def _async_tx(request: pytest.FixtureRequest, liteorm_database: Any) -> AsyncGenerator[Any]:
    from liteorm import postgres

    async with AsyncExitStack() as stack:
        db = request.node.stash.get(ASYNC_DB, None)
        if db is None:
            opened = await postgres.open_async(
                liteorm_database.dsn, application_name="liteorm_async_tx"
            )
            db = await stack.enter_async_context(opened)
        yield await stack.enter_async_context(await db.begin(**transaction_options(request.node)))


_ASYNC_FIXTURES: Final = {"liteorm_async_db": _async_db, "liteorm_async_tx": _async_tx}


@pytest.fixture
async def _liteorm_async_db_anyio(
    request: pytest.FixtureRequest, liteorm_database: Any
) -> AsyncGenerator[Any]:
    async for db in _async_db(request, liteorm_database):
        yield db


@pytest.fixture
async def _liteorm_async_tx_anyio(
    request: pytest.FixtureRequest, liteorm_database: Any
) -> AsyncGenerator[Any]:
    async for tx in _async_tx(request, liteorm_database):
        yield tx


def asyncio_fixtures() -> ModuleType:
    """One fixture for each scope of pytest-asyncio's loops: a fixture's is fixed in its making."""
    import pytest_asyncio

    # A module: of any other object pytest would take the fixtures for methods.
    fixtures = ModuleType("liteorm_testing.asyncio_fixtures")
    make = cast("Any", pytest_asyncio.fixture)
    for base, run in _ASYNC_FIXTURES.items():
        for scope in _LOOP_SCOPES:
            name = f"_{base}_{scope}"
            setattr(fixtures, name, make(loop_scope=scope, name=name)(_copy_of(run)))
    return fixtures


def _copy_of(run: Any) -> Any:
    # pytest-asyncio notes the scope on the function itself, so each fixture needs its own.
    async def fixture(request: pytest.FixtureRequest, liteorm_database: Any) -> AsyncGenerator[Any]:
        async for value in run(request, liteorm_database):
            yield value

    return fixture
