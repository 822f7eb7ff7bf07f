"""The worker, one of any number: takes jobs off the queue. Run: python -m helpdesk.worker"""

import asyncio
import logging
import os

import liteorm
from helpdesk import statements
from helpdesk.models import Comment, Job
from helpdesk.tickets import tell
from liteorm import postgres
from liteorm.postgres import AsyncDB, AsyncTx

log = logging.getLogger(__name__)


async def confirm(tx: AsyncTx, job: Job) -> None:
    """Answer a new ticket; a real worker would send a mail here."""
    row = {"tenant_id": job.tenant_id, "ticket_id": job.ticket_id, "author": "helpdesk"}
    row["body"] = "We have your ticket."
    await tx.insert(row, table="comments", returning=Comment)
    await tell(tx, job.tenant_id, job.ticket_id)


KINDS = {"confirm": confirm}


async def work(tx: AsyncTx) -> bool:
    """Do a job and take it off the queue, both or neither; one that fails is put off."""
    job = await statements.next_job.optional(tx)
    if job is None:
        return False
    try:
        async with tx.transaction() as attempt:
            await KINDS[job.kind](attempt, job)
    except Exception:
        log.exception("job %s failed", job.id)
        await statements.put_off.execute(tx, id=job.id)
    else:
        await tx.delete(job)
    return True


async def drain(db: AsyncDB) -> int:
    """Do what there is to do."""
    done = 0
    while await db.run(work):
        done += 1
    return done


async def serve(db: AsyncDB) -> None:
    """Work for good. After a gap there is nothing to make good but to look into the table."""
    while True:
        try:
            async with await postgres.listen_async(db, "jobs") as listener:
                while True:
                    await drain(db)
                    try:
                        await listener.receive(timeout=30)
                    except TimeoutError:
                        pass  # jobs that were put off are due by the clock
        except (ConnectionError, TimeoutError, liteorm.CommitUnknown):
            log.warning("the database is away: looking again in a second")
            await asyncio.sleep(1)


async def main() -> None:
    async with await postgres.open_async(os.environ["DATABASE_URL"]) as db:
        await serve(db)


if __name__ == "__main__":
    asyncio.run(main())
