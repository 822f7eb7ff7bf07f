"""A page in headless Chromium, by its own protocol."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import websockets

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Tab:
    """A tab of the browser."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        """Speak to it."""
        self._connection = connection

    async def value(self, script: str) -> Any:
        """Return what an expression comes to; None while another page is on its way."""
        params = {"expression": script, "awaitPromise": True, "returnByValue": True}
        await self._connection.send(
            json.dumps({"id": 1, "method": "Runtime.evaluate", "params": params})
        )
        while (answer := json.loads(await self._connection.recv())).get("id") != 1:
            pass
        if "error" in answer:
            return None
        assert "exceptionDetails" not in answer["result"], answer
        return answer["result"]["result"].get("value")

    async def until(self, condition: str) -> Any:
        """Return the value of an expression as soon as it is true."""
        async with asyncio.timeout(60):
            while not (found := await self.value(condition)):
                await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def tab(url: str, folder: Path) -> AsyncIterator[Tab]:
    """Open a page in a browser of its own, which ends with the block."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += ["--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = folder / "DevToolsActivePort"
        async with asyncio.timeout(60):
            while not (port.exists() and port.read_text().count("\n")):
                assert process.poll() is None
                await asyncio.sleep(0.05)
        address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/new?{url}"
        async with httpx.AsyncClient(timeout=60) as client:
            opened = (await client.put(address)).json()
        async with websockets.connect(opened["webSocketDebuggerUrl"]) as connection:
            yield Tab(connection)
    finally:
        process.terminate()
        process.wait(20)
