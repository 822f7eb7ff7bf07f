"""What every request needs: its tenant's transaction, and an answer for each error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
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


def begin(db: AsyncDB, tenant: int) -> AbstractAsyncContextManager[AsyncTx]:
    """Begin a transaction that sees one tenant's rows, and commits at the end of its block."""
    return db.transaction(settings={"app.tenant": tenant}, role="helpdesk_app")


async def transaction(db: DB, tenant: Tenant) -> AsyncIterator[AsyncTx]:
    async with begin(db, tenant) as tx:
        yield tx


# With scope="function" the commit comes before the response is sent: a failed one is an error.
# FastAPI's default, "request", would have said 201 by then. It is right for a streamed answer.
Tx = Annotated[AsyncTx, Depends(transaction, scope="function")]
StreamingTx = Annotated[AsyncTx, Depends(transaction, scope="request")]


def said(error: liteorm.Error) -> tuple[int, str]:
    """Say what a client can do about an error of the database; the rest are bugs, and raised."""
    match error:
        case liteorm.NoRows():
            return 404, "no such thing"
        case liteorm.StaleRow():
            return 409, "somebody else changed it since you read it"
        case liteorm.IntegrityError():
            return 409, f"not possible: {error.constraint}"
        case liteorm.DataError():
            return 422, "a value that cannot be stored"
        case liteorm.CommitUnknown():
            return 503, "it may have been stored: look before you send it again"
        case (
            liteorm.ConnectionLost()
            | liteorm.ConnectFailed()
            | liteorm.PoolTimeout()
            | liteorm.StatementTimeout()
            | liteorm.Error(retryable=True)
        ):
            return 503, "not stored: try again"
        case _:
            raise error


def answer(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that an error of the database ended."""
    if not isinstance(error, liteorm.Error):
        raise error
    status, detail = said(error)
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse({"detail": detail}, status, headers)
