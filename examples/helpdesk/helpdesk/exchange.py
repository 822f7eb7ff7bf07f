"""CSV in, with progress and the line of whatever is wrong, and CSV out."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ValidationError

import liteorm
from helpdesk.models import NewTicket, Ticket
from helpdesk.requests import DB, StreamingTx, Tenant, begin, said
from helpdesk.tickets import tell
from liteorm.postgres import AsyncDB

router = APIRouter(prefix="/tickets.csv")

BAD_LINES = 20
EXPORT = liteorm.sql("SELECT {} FROM tickets ORDER BY id", liteorm.columns(Ticket))


class BadLine(BaseModel):
    line: int
    reason: str


class Report(BaseModel):
    """A line of the answer to an import; the last one has `stored`."""

    rows: int
    stored: bool | None = None
    bad: list[BadLine] = []
    error: str = ""


class Refused(Exception):
    """The file has bad lines: nothing of it is stored."""


class Reading:
    """Tickets from CSV, and the lines of what is none."""

    def __init__(self, text: str) -> None:
        self.rows = 0
        self.bad: list[BadLine] = []
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)

    def tickets(self) -> Iterator[NewTicket]:
        try:
            yield from self._tickets()
        except csv.Error as error:
            self.bad.append(BadLine(line=self._reader.line_num, reason=str(error)))
        if self.bad:
            raise Refused

    def _tickets(self) -> Iterator[NewTicket]:
        header = next(self._reader, list[str]())
        line = self._reader.line_num + 1
        for cells in self._reader:
            row = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
            try:
                if cells and len(cells) != len(header):
                    raise ValueError(f"has {len(cells)} cells, expected {len(header)}")
                if cells:
                    ticket = NewTicket.model_validate(row)
                    self.rows += 1
                    yield ticket
            except ValidationError as error:
                first = error.errors()[0]
                self._refuse(line, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
            except ValueError as error:
                self._refuse(line, str(error))
            line = self._reader.line_num + 1

    def _refuse(self, line: int, reason: str) -> None:
        self.bad.append(BadLine(line=line, reason=reason))
        if len(self.bad) == BAD_LINES:
            raise Refused


async def import_tickets(
    db: AsyncDB, tenant: int, text: str, report: Callable[[Report], None]
) -> Report:
    """Store all tickets of a file, or none; report on the way, and return the outcome."""
    reading = Reading(text)
    try:
        async with begin(db, tenant) as tx:
            count = await tx.insert_many(
                reading.tickets(), table=Ticket, progress=lambda rows: report(Report(rows=rows))
            )
            await tell(tx, tenant, None)
    except Refused:
        return Report(rows=reading.rows, stored=False, bad=reading.bad)
    except liteorm.CommitUnknown as error:
        return Report(rows=reading.rows, error=said(error)[1])
    except liteorm.Error as error:
        return Report(rows=reading.rows, stored=False, error=said(error)[1])
    return Report(rows=count, stored=True)


async def reports(db: AsyncDB, tenant: int, text: str) -> AsyncGenerator[str]:
    """Import beside the answer; whoever hangs up ends the import, and nothing is stored."""
    queue: asyncio.Queue[Report | None] = asyncio.Queue()
    task = asyncio.create_task(import_tickets(db, tenant, text, queue.put_nowait))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (report := await queue.get()) is not None:
            yield report.model_dump_json(include={"rows"}) + "\n"
        yield (await task).model_dump_json() + "\n"
    finally:
        task.cancel()


@router.post("")
async def import_csv(db: DB, tenant: Tenant, request: Request) -> StreamingResponse:
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HTTPException(422, "the file is not UTF-8") from None
    return StreamingResponse(reports(db, tenant, text), media_type="application/x-ndjson")


@router.get("")
async def export_csv(tx: StreamingTx) -> StreamingResponse:
    async def blocks() -> AsyncIterator[bytes]:
        async with tx.copy_out(EXPORT, header=True) as copied:
            async for block in copied:
                yield block

    headers = {"Content-Disposition": 'attachment; filename="tickets.csv"'}
    return StreamingResponse(blocks(), media_type="text/csv", headers=headers)
