"""What every request needs: its tenant's transaction, and an answer for each error."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated

from fastapi import Cookie, Depends, Header, HTTPException, Request
from fastapi.responses import JSONResponse

import liteorm
from liteorm.postgres import AsyncDB, AsyncTx


def caller(
    header: Annotated[int | None, Header(alias="X-Tenant")] = None,
    cookie: Annotated[int | None, Cookie(alias="tenant")] = None,
) -> int:
    """Say who is calling: in a real application, by a token or a session that was verified."""
    if (found := cookie if header is None else header) is None:
        raise HTTPException(401, "whose tickets?")
    return found


Tenant = Annotated[int, Depends(caller)]


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
        case _ if error.retryable or isinstance(error, (ConnectionError, TimeoutError)):
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
