"""The backend of examples/helpdesk: its API over ASGI, on a database of each test's own."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import liteorm
from liteorm import postgres, scan, scan_one
from liteorm._check import check
from liteorm._cli import main
from liteorm.observe import opentelemetry
from liteorm.postgres import DB, AsyncTx
from liteorm_testing import Database, Proxy, Server, fail_next_commit, kill_backend
from tests.examples.conftest import FOLDER


@asynccontextmanager
async def running(dsn: str) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """Give the application on a database, and a client of tenant 1."""
    from helpdesk.app import create_app

    app = create_app(dsn)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(
            transport=transport, base_url="http://helpdesk", headers={"X-Tenant": "1"}
        ) as client:
            yield app, client


@pytest.fixture
async def client(liteorm_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A client of tenant 1."""
    async with running(liteorm_database.dsn) as (_, client):
        yield client


async def created(client: httpx.AsyncClient, subject: str, **rest: Any) -> dict[str, Any]:
    """Create a ticket."""
    tags = rest.pop("tags", None)
    body = {"ticket": {"subject": subject, **rest}, "tags": tags}
    response = await client.post("/tickets", json=body)
    assert response.status_code == 201, response.text
    ticket: dict[str, Any] = response.json()
    return ticket


async def subjects(client: httpx.AsyncClient, **params: Any) -> list[str]:
    """List subjects."""
    response = await client.get("/tickets", params=params)
    assert response.status_code == 200, response.text
    return [ticket["subject"] for ticket in response.json()["tickets"]]


@pytest.mark.anyio
async def test_a_ticket_is_created_and_read_whole(client: httpx.AsyncClient) -> None:
    """The detail has the ticket, its comments and its tags."""
    ticket = await created(client, "Printer", tags=["paper", "jam", "jam"])
    path = f"/tickets/{ticket['id']}"
    for body in ("Still?", "Yes"):
        answer = await client.post(f"{path}/comments", json={"author": "Ada", "body": body})
        assert answer.status_code == 201, answer.text
    detail = (await client.get(path)).json()
    assert detail["ticket"] == ticket
    assert [comment["body"] for comment in detail["comments"]] == ["Still?", "Yes"]
    assert detail["tags"] == ["jam", "paper"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["c", "a 100%", "b"]),
        ({"sort": "subject"}, ["a 100%", "b", "c"]),
        ({"status": ["done", "waiting"]}, ["c", "b"]),
        ({"assignee": "Ada"}, ["b"]),
        ({"unassigned": True}, ["c", "a 100%"]),
        ({"text": "100"}, ["a 100%"]),
        ({"text": "A", "status": "open", "unassigned": True, "sort": "subject"}, ["a 100%"]),
    ],
)
async def test_the_list_is_filtered_and_sorted(
    client: httpx.AsyncClient, params: dict[str, Any], expected: list[str]
) -> None:
    """Each filter, alone and together, in the order that was asked for."""
    await created(client, "b", status="done", assignee="Ada")
    await created(client, "a 100%")
    await created(client, "c", status="waiting")
    assert await subjects(client, **params) == expected


@pytest.mark.anyio
@pytest.mark.parametrize("sort", ["newest", "subject"])
async def test_pages_hold_every_ticket_once(client: httpx.AsyncClient, sort: str) -> None:
    """The pages together are the list, also where many have the same subject."""
    for number in range(7):
        await created(client, f"ticket {number // 3}")
    params: dict[str, Any] = {"sort": sort, "limit": 3}
    ids: list[int] = []
    while True:
        page = (await client.get("/tickets", params=params)).json()
        ids += [ticket["id"] for ticket in page["tickets"]]
        if page["after"] is None:
            break
        params["after"] = page["after"]
    assert ids == ([7, 6, 5, 4, 3, 2, 1] if sort == "newest" else [1, 2, 3, 4, 5, 6, 7])
    other = "subject" if sort == "newest" else "newest"
    for after, order in ((params["after"], other), ("x", sort), ("e30=", sort)):
        answer = await client.get("/tickets", params={"after": after, "sort": order})
        assert answer.status_code == 422, answer.text


@pytest.mark.anyio
async def test_a_change_of_what_was_changed_since_is_refused(client: httpx.AsyncClient) -> None:
    """The second of two changes of one version is 409, and the first one stands."""
    ticket = await created(client, "Printer", assignee="Ada")
    path, version = f"/tickets/{ticket['id']}", {"version": ticket["version"]}
    first = await client.patch(path, params=version, json={"status": "done", "assignee": None})
    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert (first.json()["subject"], first.json()["assignee"]) == ("Printer", None)
    second = await client.patch(path, params=version, json={"subject": "Mine"})
    assert second.status_code == 409
    assert (await client.get(path)).json()["ticket"] == first.json()


@pytest.mark.anyio
@pytest.mark.parametrize("body", [{"subject": ""}, {"subject": None}, {"id": 7}, {"version": 9}])
async def test_a_change_that_cannot_be_is_refused(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """A wrong value and a field that is none of a client's are 422."""
    ticket = await created(client, "Printer")
    answer = await client.patch(f"/tickets/{ticket['id']}", params={"version": 1}, json=body)
    assert answer.status_code == 422


@pytest.mark.anyio
async def test_tenants_see_only_their_own(client: httpx.AsyncClient) -> None:
    """Another tenant's ticket can be neither listed nor read, changed nor commented on."""
    ticket = await created(client, "Ours")
    path, theirs = f"/tickets/{ticket['id']}", {"X-Tenant": "2"}
    assert (await client.get("/tickets", headers=theirs)).json()["tickets"] == []
    assert (await client.get(path, headers=theirs)).status_code == 404
    change = await client.patch(path, params={"version": 1}, json={}, headers=theirs)
    assert change.status_code == 404
    comment = {"author": "Eve", "body": "Hello"}
    answer = await client.post(f"{path}/comments", json=comment, headers=theirs)
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "not possible: comments_ticket_fkey",
    )
    assert (await client.get(path)).json()["comments"] == []


@pytest.mark.anyio
async def test_statistics_count_a_tenants_tickets(client: httpx.AsyncClient) -> None:
    """There is a row for each status that occurs."""
    assert (await client.get("/tickets/statistics")).json() == []
    for subject, status in (("a", "open"), ("b", "open"), ("c", "done")):
        await created(client, subject, status=status)
    found = (await client.get("/tickets/statistics")).json()
    assert [(row["status"], row["tickets"]) for row in found] == [("open", 2), ("done", 1)]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (liteorm.SerializationFailure, 503),
        (liteorm.Deadlock, 503),
        (liteorm.UniqueViolation, 409),
    ],
)
async def test_a_commit_that_fails_is_no_success(
    liteorm_database: Database, liteorm_db: DB, error: type[liteorm.Error], status: int
) -> None:
    """A refused COMMIT is known before the answer is sent, and nothing is stored."""
    async with running(liteorm_database.dsn) as (_, client):
        with fail_next_commit(liteorm_database, error) as commits:
            answer = await client.post("/tickets", json={"ticket": {"subject": "a"}, "tags": ["x"]})
        assert (commits.failed, answer.status_code) == (1, status)
        assert await subjects(client) == []
    assert scan(liteorm_db.query("SELECT id FROM jobs"), int) == []
    assert scan(liteorm_db.query("SELECT tag FROM tags"), str) == []


@pytest.mark.anyio
async def test_a_lost_connection_is_told_and_then_forgotten(liteorm_database: Database) -> None:
    """A request whose connection goes away is 503 and stores nothing; the next one is served."""
    from helpdesk.requests import transaction

    async def cut(request: Request) -> AsyncIterator[AsyncTx]:
        async for tx in transaction(request.app.state.db, 1):
            yield tx
            kill_backend(tx)  # between the work and its commit

    async with running(liteorm_database.dsn) as (app, client):
        app.dependency_overrides[transaction] = cut
        answer = await client.post("/tickets", json={"ticket": {"subject": "lost"}})
        assert (answer.status_code, answer.json()["detail"]) == (503, "not stored: try again")
        app.dependency_overrides.clear()
        await created(client, "stored")
        assert await subjects(client) == ["stored"]


@pytest.mark.anyio
async def test_a_network_that_fails_is_503(liteorm_database: Database) -> None:
    """An answer to COMMIT that is lost says to look; no connection says to try again."""
    with Proxy(liteorm_database.dsn) as proxy:
        async with running(proxy.dsn) as (_, client):
            proxy.drop_reply_to("COMMIT")
            answer = await client.post("/tickets", json={"ticket": {"subject": "stored"}})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert "look before" in answer.json()["detail"]
            assert await subjects(client) == ["stored"]
            proxy.drop_reply_to("INSERT")
            answer = await client.post("/tickets", json={"ticket": {"subject": "lost"}})
            assert (answer.status_code, answer.json()["detail"]) == (503, "not stored: try again")
            assert await subjects(client) == ["stored"]


async def imported(client: httpx.AsyncClient, text: str | bytes) -> list[dict[str, Any]]:
    """Import a CSV file; return the lines of the answer."""
    answer = await client.post("/tickets.csv", content=text)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.anyio
async def test_an_import_tells_its_progress_and_comes_out_as_it_went_in(
    client: httpx.AsyncClient,
) -> None:
    """All rows are stored as the tenant's, and the export has them."""
    rows = "".join(f'"ticket ""{n}""\nand more",done,\n\n' for n in range(3000))
    *progress, end = await imported(client, "\ufeffsubject,status,assignee\n" + rows)
    assert end == {"rows": 3000, "stored": True, "bad": [], "error": ""}
    assert progress[-1] == {"rows": 3000}
    export = await client.get("/tickets.csv")
    assert export.headers["Content-Type"].startswith("text/csv")
    found = list(csv.DictReader(io.StringIO(export.text, newline="")))
    assert len(found) == 3000
    assert (found[7]["subject"], found[7]["assignee"]) == ('ticket "7"\nand more', "")
    theirs = await client.get("/tickets.csv", headers={"X-Tenant": "2"})
    assert len(theirs.text.splitlines()) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "lines", "reason"),
    [
        ("subject,status\na,open\nb,none\nc,open\n,open\n", [3, 5], "status"),
        ('subject\n"two\nlines"\n\n' + "x" * 201 + "\n", [5], "subject"),
        ("subject,status\na\n", [2], "has 1 cells, expected 2"),
        ("subject,colour\na,red\n", [2], "colour"),
        ('subject\na\n"open', [3], "unexpected end"),
        ("subject\na\nb\0\n", [3], "pattern"),
        ("subject\n" + "x,y\n" * 99, list(range(2, 22)), "has 2 cells"),
    ],
)
async def test_an_import_with_bad_lines_stores_nothing(
    client: httpx.AsyncClient, text: str, lines: list[int], reason: str
) -> None:
    """Each bad row is told by the line that it begins on, whoever finds it."""
    end = (await imported(client, text))[-1]
    assert (end["stored"], [bad["line"] for bad in end["bad"]]) == (False, lines)
    assert reason in end["bad"][0]["reason"]
    assert await subjects(client) == []


@pytest.mark.anyio
async def test_an_import_whose_commit_fails_is_told(liteorm_database: Database) -> None:
    """The last line says that nothing was stored, or that nobody knows."""
    async with running(liteorm_database.dsn) as (_, client):
        with fail_next_commit(liteorm_database, liteorm.SerializationFailure):
            end = (await imported(client, "subject\na\n"))[-1]
        assert (end["stored"], end["error"]) == (False, "not stored: try again")
        assert await subjects(client) == []
    with Proxy(liteorm_database.dsn) as proxy:
        async with running(proxy.dsn) as (_, client):
            proxy.drop_reply_to("COMMIT")
            end = (await imported(client, "subject\na\n"))[-1]
    assert (end["stored"], end["error"].split(":")[0]) == (None, "it may have been stored")


@pytest.mark.anyio
async def test_an_import_that_nobody_waits_for_stores_nothing(liteorm_database: Database) -> None:
    """A client who hangs up after the first report ends the import."""
    from helpdesk.exchange import reports

    text = "subject\n" + "x\n" * 50_000
    async with running(liteorm_database.dsn) as (app, client):
        others = asyncio.all_tasks()
        answer = reports(app.state.db, 1, text)
        assert json.loads(await anext(answer))["rows"] < 50_000
        [task] = asyncio.all_tasks() - others
        await answer.aclose()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await subjects(client) == []


@pytest.mark.anyio
async def test_what_is_no_text_is_refused(client: httpx.AsyncClient) -> None:
    """A file in another encoding is 422."""
    assert (await client.post("/tickets.csv", content=b"\xff")).status_code == 422


@asynccontextmanager
async def watching(app: FastAPI, tenant: int) -> AsyncIterator[asyncio.Queue[str]]:
    """Look at GET /events as a browser does; httpx's transport waits for an answer's end."""
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            heard.put_nowait(message["body"].decode())

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/events",
        "raw_path": b"/events",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"x-tenant", str(tenant).encode())],
        "scheme": "http",
    }
    task = asyncio.create_task(app(scope, receive, send))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.wait([task])


async def next_event(heard: asyncio.Queue[str]) -> str:
    """Wait for an event."""
    return await asyncio.wait_for(heard.get(), 20)


RELOAD = "event: reload\ndata:\n\n"


@pytest.mark.anyio
async def test_viewers_hear_of_their_tenants_changes(liteorm_database: Database) -> None:
    """A change is told at its commit, to its tenant's viewers; an import and a gap say reload."""
    async with running(liteorm_database.dsn) as (app, client):
        async with watching(app, 1) as ours, watching(app, 2) as theirs:
            assert await next_event(ours) == await next_event(theirs) == RELOAD
            with fail_next_commit(liteorm_database, liteorm.Deadlock):
                await client.post("/tickets", json={"ticket": {"subject": "never"}})
            ticket = await created(client, "Ours")
            assert await next_event(ours) == f"data: {ticket['id']}\n\n"
            await imported(client, "subject\na\n")
            assert await next_event(ours) == RELOAD
            await app.state.db.execute("NOTIFY tickets, 'from a stranger'")
            kill_backend(liteorm_database)
            assert await next_event(ours) == await next_event(theirs) == RELOAD
            await created(client, "After the gap")
            assert (await next_event(ours)).startswith("data: ")
            assert theirs.empty()


@pytest.mark.anyio
async def test_a_viewer_who_is_slow_reads_the_list_again() -> None:
    """More than a viewer keeps is a gap for this one alone, in bounded memory."""
    from helpdesk.events import Hub

    hub = Hub()
    with hub.viewer(1) as slow, hub.viewer(1) as quick:
        for number in range(150):
            hub.tell(f"data: {number}\n\n", 1)
            assert quick.get_nowait() == f"data: {number}\n\n"
        assert (slow.get_nowait(), slow.qsize()) == (RELOAD, 49)


@pytest.mark.anyio
async def test_workers_do_each_job_once(liteorm_database: Database) -> None:
    """Several at once share the queue; a job of another tenant is done as well."""
    from helpdesk.worker import drain

    async with running(liteorm_database.dsn) as (app, client):
        tickets = [await created(client, f"ticket {number}") for number in range(20)]
        body = {"ticket": {"subject": "Theirs"}}
        await client.post("/tickets", json=body, headers={"X-Tenant": "2"})
        done = await asyncio.gather(*(drain(app.state.db) for _ in range(3)))
        assert sum(done) == 21
        for ticket in tickets:
            detail = (await client.get(f"/tickets/{ticket['id']}")).json()
            assert [comment["author"] for comment in detail["comments"]] == ["helpdesk"]
        assert await drain(app.state.db) == 0


@pytest.mark.anyio
async def test_a_job_that_fails_is_put_off_and_undone(
    liteorm_database: Database, liteorm_db: DB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had done is undone, the others are done, and it is due later."""
    from helpdesk import worker

    async def fails(tx: AsyncTx, job: Any) -> None:
        await worker.confirm(tx, job)
        if job.ticket_id == 1:
            raise RuntimeError("no mail today")

    monkeypatch.setitem(worker.KINDS, "confirm", fails)
    async with running(liteorm_database.dsn) as (app, client):
        for subject in "ab":
            await created(client, subject)
        assert await worker.drain(app.state.db) == 2
    assert scan(liteorm_db.query("SELECT ticket_id FROM comments"), int) == [2]
    rows = liteorm_db.query("SELECT ticket_id, attempts, due > now() FROM jobs")
    assert scan(rows, tuple[int, int, bool]) == [(1, 1, True)]


@pytest.mark.anyio
async def test_the_worker_hears_of_work_also_after_a_gap(liteorm_database: Database) -> None:
    """It does what is there, what comes, and what came while its connection was gone."""
    from helpdesk.worker import serve

    async def confirmed(client: httpx.AsyncClient, id: int) -> None:
        while not (await client.get(f"/tickets/{id}")).json()["comments"]:
            await asyncio.sleep(0.05)

    async with running(liteorm_database.dsn) as (app, client):
        first = await created(client, "before")
        task = asyncio.create_task(serve(app.state.db))
        await asyncio.wait_for(confirmed(client, first["id"]), 20)
        second = await created(client, "while it runs")
        await asyncio.wait_for(confirmed(client, second["id"]), 20)
        kill_backend(liteorm_database)
        third = await created(client, "in the gap")
        await asyncio.wait_for(confirmed(client, third["id"]), 20)
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.anyio
@pytest.mark.liteorm(settings={"app.tenant": 2}, role="helpdesk_app")
async def test_statements_work_on_a_transaction_of_a_tenants(liteorm_async_tx: AsyncTx) -> None:
    """The statements alone, rolled back: what they see is the tenant's."""
    from helpdesk import statements
    from helpdesk.models import NewTicket, Ticket

    stored = await liteorm_async_tx.insert(
        NewTicket(subject="Theirs"), returning=Ticket, table=Ticket
    )
    assert await statements.tickets.all(liteorm_async_tx) == [stored]
    rows = await liteorm_async_tx.query("SELECT tenant_id FROM tickets")
    assert scan_one(rows, int) == 2


def test_every_statement_fits_the_schema(liteorm_db: DB) -> None:
    """`liteorm check` finds nothing in any form of any statement."""
    import helpdesk

    assert check(liteorm_db, helpdesk) == []


def test_the_step_for_ci_finds_nothing(
    liteorm_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`liteorm check`, as the example's own step calls it, on the schema that Alembic makes."""
    step = (FOLDER / "ci").read_text("utf-8")
    (line,) = [line for line in step.splitlines() if line.startswith("liteorm check")]
    monkeypatch.chdir(FOLDER)
    assert main([*shlex.split(line)[1:], "--server", liteorm_server.dsn]) == 0


@pytest.mark.anyio
async def test_the_report_has_a_line_for_each_tenant(
    client: httpx.AsyncClient, liteorm_database: Database
) -> None:
    """What was opened and done since, also by nobody; the call is not a coroutine."""
    from helpdesk.report import report

    await created(client, "Printer", status="done")
    await created(client, "Cable")
    with postgres.open(liteorm_database.dsn) as db:
        acme, globex = report(db, datetime.now(UTC) - timedelta(days=1))
        (later, _) = report(db, datetime.now(UTC) + timedelta(days=1))
    assert (acme.name, acme.opened, acme.done) == ("Acme", 2, 1)
    assert acme.longest is not None
    assert (globex.opened, globex.longest, later.opened) == (0, None, 0)


@pytest.mark.anyio
async def test_requests_are_traced(
    liteorm_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statements of a request are spans, up to its COMMIT; no value is in them."""
    from helpdesk import app

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traced = partial(opentelemetry, tracer_provider=provider)
    monkeypatch.setattr(app, "opentelemetry", traced)
    async with running(liteorm_database.dsn) as (_, client):
        await created(client, "Printer")
    spans = exporter.get_finished_spans()
    assert {"add_job", "COMMIT"} <= {span.name.split(" ")[0] for span in spans}
    assert "Printer" not in str([dict(span.attributes or {}) for span in spans])


def test_it_stays_short() -> None:
    """With its SQL and its page it has at most 900 lines; a stub is generated."""
    files = [
        file for file in FOLDER.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    ]
    counted = [file for file in files if file.suffix not in (".md", ".pyi")]
    assert sum(len(file.read_text("utf-8").splitlines()) for file in counted) <= 900
