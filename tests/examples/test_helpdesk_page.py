"""The helpdesk's page in a browser: what it shows is what the database has, as it changes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from liteorm_testing import Database, kill_backend
from tests.examples.browser import CHROMIUM, tab

SCREEN = {"ticket": {"subject": "Screen"}}
LIST = "[...document.querySelectorAll('li')].map(item => item.firstChild.data).join()"


@asynccontextmanager
async def serving(dsn: str) -> AsyncIterator[str]:
    """Serve the application; give its address."""
    from helpdesk.app import create_app

    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(create_app(dsn), log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@pytest.mark.anyio
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_the_page_shows_the_list_as_it_changes(
    liteorm_database: Database, tmp_path: Path
) -> None:
    """A ticket of one's own, one of a colleague's, a change, and what a gap would have hidden."""
    async with (
        serving(liteorm_database.dsn) as address,
        httpx.AsyncClient(base_url=address, headers={"X-Tenant": "1"}) as colleague,
        tab(f"{address}/?tenant=1", tmp_path / "profile") as page,
    ):
        await page.until("document.querySelector('form') !== null")
        await page.value(
            "document.querySelector('input').value = '<b>Printer</b>';"
            "document.querySelector('form').requestSubmit()"
        )
        assert await page.until(f"{LIST} === '<b>Printer</b> (open)'")
        answer = await colleague.post("/tickets", json={"ticket": {"subject": "Cable"}})
        assert answer.status_code == 201
        assert await page.until(f"{LIST} === 'Cable (open),<b>Printer</b> (open)'")
        await page.value("document.querySelector('li button').click()")
        assert await page.until(f"{LIST} === 'Cable (done),<b>Printer</b> (open)'")
        kill_backend(liteorm_database)
        while (await colleague.post("/tickets", json=SCREEN)).status_code == 503:
            pass  # "not stored: try again": a connection that is gone, and told so
        assert await page.until(f"{LIST}.startsWith('Screen (open)')")


@pytest.mark.anyio
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_the_page_says_what_went_wrong(liteorm_database: Database, tmp_path: Path) -> None:
    """A tenant that there is not: the foreign key's name, as the answer has it."""
    async with (
        serving(liteorm_database.dsn) as address,
        tab(f"{address}/?tenant=7", tmp_path / "profile") as page,
    ):
        await page.until("document.querySelector('form') !== null")
        await page.value(
            "document.querySelector('input').value = 'Printer';"
            "document.querySelector('form').requestSubmit()"
        )
        said = await page.until("document.querySelector('p').textContent")
        assert said == "not possible: tickets_tenant_id_fkey"
