"""Server-sent events: one listener for all who look at a list."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

import liteorm
from helpdesk.models import Changed
from helpdesk.requests import Tenant
from liteorm import postgres
from liteorm.postgres import AsyncDB, AsyncListener

router = APIRouter()

# Whoever is told this reads the list again: something may have been missed.
RELOAD = "event: reload\ndata:\n\n"
QUIET = 15.0


class Hub:
    """Hands what is heard to the viewers of each tenant."""

    def __init__(self) -> None:
        self._viewers: dict[asyncio.Queue[str], int] = {}

    @contextmanager
    def viewer(self, tenant: int) -> Generator[asyncio.Queue[str]]:
        queue: asyncio.Queue[str] = asyncio.Queue(100)
        self._viewers[queue] = tenant
        try:
            yield queue
        finally:
            del self._viewers[queue]

    def tell(self, event: str, tenant: int | None = None) -> None:
        """Tell the viewers of a tenant, or all; one who is too slow has to read the list again."""
        for queue, whose in self._viewers.items():
            if tenant in (None, whose):
                late = queue.full()
                while late and not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(RELOAD if late else event)

    @asynccontextmanager
    async def listening(self, db: AsyncDB) -> AsyncGenerator[None]:
        """Pass on what is heard; a lost connection is made good, and told as a gap."""
        listener = await postgres.listen_async(db, "tickets", on_gap=lambda: self.tell(RELOAD))
        async with listener, asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._pass_on(listener))
            yield
            task.cancel()

    async def _pass_on(self, listener: AsyncListener) -> None:
        async for notification in listener:
            try:
                changed = notification.load(Changed)
            except liteorm.ScanError:  # from somebody who is not this application
                continue
            event = RELOAD if changed.ticket is None else f"data: {changed.ticket}\n\n"
            self.tell(event, changed.tenant)


async def stream(hub: Hub, tenant: int) -> AsyncIterator[str]:
    with hub.viewer(tenant) as queue:
        yield RELOAD  # what is read from now on misses nothing
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), QUIET)
            except TimeoutError:
                yield ": still here\n\n"


@router.get("/events")
async def events(request: Request, tenant: Tenant) -> StreamingResponse:
    hub: Hub = request.app.state.hub
    return StreamingResponse(stream(hub, tenant), media_type="text/event-stream")
