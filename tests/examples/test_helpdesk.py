"""The backend of examples/helpdesk: its API over ASGI, on a database of each test's own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

import liteorm
from liteorm import scan, scan_one
from liteorm._check import check
from liteorm.postgres import DB, AsyncTx
from liteorm_testing import Database, Proxy, fail_next_commit, kill_backend

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "helpdesk"
TENANTS = "INSERT INTO tenants VALUES (1, 'Acme'), (2, 'Globex');"


@pytest.fixture(scope="module")
def liteorm_schema() -> str:
    """The example's schema, with two tenants."""
    return (FOLDER / "schema.sql").read_text("utf-8") + TENANTS


@pytest.fixture(autouse=True, scope="module")
def importable() -> Iterator[None]:
    """Let the example be imported, and forget it afterwards."""
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in [name for name in sys.modules if name.split(".")[0] == "helpdesk"]:
        del sys.modules[name]


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
    from helpdesk import models, statements

    assert check(liteorm_db, statements) == []
    assert check(liteorm_db, models) == []


def test_it_stays_short() -> None:
    """With its SQL it has at most 900 lines."""
    files = [*FOLDER.rglob("*.py"), *FOLDER.rglob("*.sql")]
    assert sum(len(file.read_text("utf-8").splitlines()) for file in files) <= 900
