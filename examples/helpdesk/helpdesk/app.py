"""The application: one database, opened with it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import liteorm
from helpdesk import events, exchange, tickets
from helpdesk.requests import answer
from liteorm import postgres


def create_app(dsn: str | None = None) -> FastAPI:
    """Make the application for a database, by default that of DATABASE_URL."""
    address = dsn or os.environ["DATABASE_URL"]
    hub = events.Hub()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with await postgres.open_async(address, timeout=5, statement_timeout=10) as db:
            app.state.db, app.state.hub = db, hub
            async with hub.listening(db):
                yield

    app = FastAPI(title="Helpdesk", lifespan=lifespan)
    for module in (tickets, exchange, events):
        app.include_router(module.router)
    app.add_exception_handler(liteorm.Error, answer)
    return app
