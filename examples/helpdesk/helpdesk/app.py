"""The application: one database, opened with it."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

import liteorm
from helpdesk import events, exchange, tickets
from helpdesk.requests import answer
from liteorm import postgres
from liteorm.observe import metrics, opentelemetry


def create_app(dsn: str | None = None) -> FastAPI:
    """Make the application for a database, by default that of DATABASE_URL."""
    address = dsn or os.environ["DATABASE_URL"]
    hub = events.Hub()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with await postgres.open_async(
            address, timeout=5, statement_timeout=10, observers=[opentelemetry(), metrics()]
        ) as db:
            app.state.db, app.state.hub = db, hub
            async with hub.listening(db):
                yield

    app = FastAPI(title="Helpdesk", lifespan=lifespan)

    @app.get("/")
    def page(tenant: int) -> FileResponse:
        """Show the live list; its cookie stands for a login."""
        shown = FileResponse(Path(__file__).with_name("page.html"))
        shown.set_cookie("tenant", str(tenant), httponly=True, samesite="strict")
        return shown

    for module in (tickets, exchange, events):
        app.include_router(module.router)
    app.add_exception_handler(liteorm.Error, answer)
    return app
