"""CSV in, with progress and the line of whatever is wrong, and CSV out."""

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

    rows: int = 0
    stored: bool | None = None
    bad: list[BadLine] = []
    error: str = ""


class Refused(Exception):
    """The file has bad lines: nothing of it is stored."""


def read(text: str, outcome: Report) -> Iterator[NewTicket]:
    """Give the tickets of a CSV file; count them, and note the lines of what is none."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, list[str]())
        line = reader.line_num + 1
        for cells in reader:
            try:
                if cells and len(cells) != len(header):
                    raise ValueError(f"has {len(cells)} cells, expected {len(header)}")
                if cells:
                    row = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
                    ticket = NewTicket.model_validate(row)
                    outcome.rows += 1
                    yield ticket
            except ValidationError as error:
                first = error.errors()[0]
                reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
                outcome.bad.append(BadLine(line=line, reason=reason))
            except ValueError as error:
                outcome.bad.append(BadLine(line=line, reason=str(error)))
            if len(outcome.bad) == BAD_LINES:
                break
            line = reader.line_num + 1
    except csv.Error as error:
        outcome.bad.append(BadLine(line=reader.line_num, reason=str(error)))
    if outcome.bad:
        raise Refused


async def import_tickets(
    db: AsyncDB, tenant: int, text: str, report: Callable[[Report], None]
) -> Report:
    """Store all tickets of a file, or none; report on the way, and return the outcome."""
    outcome = Report(stored=False)
    try:
        async with begin(db, tenant) as tx:
            tickets = read(text, outcome)
            await tx.insert_many(
                tickets, table=Ticket, progress=lambda rows: report(Report(rows=rows))
            )
            await tell(tx, tenant, None)
        outcome.stored = True
    except Refused:
        pass
    except liteorm.Error as error:
        outcome.stored = None if isinstance(error, liteorm.CommitUnknown) else False
        outcome.error = said(error)[1]
    return outcome


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
