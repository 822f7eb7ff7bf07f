"""What every request needs: its tenant's transaction, and an answer for each error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse

import liteorm
from liteorm.postgres import AsyncDB, AsyncTx

# Who is calling: in a real application, from a token that was verified.
Tenant = Annotated[int, Header(alias="X-Tenant")]


def database(request: Request) -> AsyncDB:
    db: AsyncDB = request.app.state.db
    return db


DB = Annotated[AsyncDB, Depends(database)]


async def transaction(db: DB, tenant: Tenant) -> AsyncIterator[AsyncTx]:
    """Give a transaction that sees one tenant's rows, and commits at its end."""
    settings = {"app.tenant": tenant}
    async with db.transaction(settings=settings, role="helpdesk_app") as tx:
        yield tx


# With scope="function" the commit comes before the response is sent: a failed one is an error.
# FastAPI's default, "request", would have said 201 by then. It is right for a streamed answer.
Tx = Annotated[AsyncTx, Depends(transaction, scope="function")]
StreamingTx = Annotated[AsyncTx, Depends(transaction, scope="request")]


def answer(request: Request, error: Exception) -> JSONResponse:
    """Say what a client can do about an error of the database; the rest are bugs, and 500."""
    match error:
        case liteorm.NoRows():
            status, detail = 404, "no such thing"
        case liteorm.StaleRow():
            status, detail = 409, "somebody else changed it since you read it"
        case liteorm.IntegrityError():
            status, detail = 409, f"not possible: {error.constraint}"
        case liteorm.CommitUnknown():
            status, detail = 503, "it may have been stored: look before you send it again"
        case (
            liteorm.ConnectionLost()
            | liteorm.ConnectFailed()
            | liteorm.PoolTimeout()
            | liteorm.StatementTimeout()
        ):
            status, detail = 503, "not stored: try again"
        case liteorm.Error(retryable=True):
            status, detail = 503, "not stored: try again"
        case _:
            raise error
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse({"detail": detail}, status, headers)
