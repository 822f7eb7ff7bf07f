"""The driver's connection with bounded waits, and what a pool has to know about each."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from sys import is_finalizing
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer

from liteorm.errors import ConnectFailed, Error
from liteorm.postgres._async.limits import AsyncLimits
from liteorm.postgres._driver import name_unguessably, prepared_statements
from liteorm.postgres._session.commands import (
    DEALLOCATING_TAGS,
    RESHAPING_TAGS,
    SPECIAL_TAGS,
    changes_settings,
    changes_types,
    count_statements,
    is_script,
    is_transaction,
    lasts,
    may_last,
    transaction_command,
)
from liteorm.postgres._session.notices import NoticeWatch
from liteorm.postgres._session.options import PROBE, SILENCE
from liteorm.postgres._session.outcomes import after_its_rows, came_late, is_over
from liteorm.postgres._session.pipelining import pipeline_step
from liteorm.postgres._session.primitives import (
    WaitTimeout,
    afinish,
    arunning,
    atold,
    awithin,
    spoken,
)
from liteorm.postgres._session.protocol import (
    arrived,
    drain_step,
    leave_step,
    run_step,
    script_step,
)
from liteorm.postgres._session.reachability import aanswers, place_of
from liteorm.postgres._session.receiving import AsyncReceiver, await_io
from liteorm.postgres._session.reclaiming import areclaim, place_in
from liteorm.postgres._session.state import BRIEFLY, CLEANUP_BOUND, PoolState, address_of, server_of
from liteorm.postgres._session.translate import FatalNotice, is_stale, one_line, translate
from liteorm.postgres._types.dumpers import are_plain
from liteorm.postgres._types.quiet import said

__all__ = ["AsyncWire"]

logger: Final = logging.getLogger("liteorm")

_ACTIVE: Final = pq.TransactionStatus.ACTIVE
_IDLE: Final = pq.TransactionStatus.IDLE
_CANCELED: Final = "57014"


class AsyncWire(AsyncLimits):
    """A connection of the pool."""

    evict: bool = False
    """Not to be used again: its server is not what was asked for."""
    fatal: FatalNotice | None = None
    """What the server said before it closed the connection."""
    loss_told: bool = False
    """It was said that what used it was lost without an end."""
    transaction_tag: str | None = None
    """A transaction command was sent as text."""
    server: str | None = None
    """Host and port that it was made to: one of several hosts may have answered."""
    address: tuple[str | None, int | None] | None = None
    """The same for observers; None where the connection is not ours."""
    reshaped: bool = False
    """Its transaction has changed tables or types, which only it sees."""
    patience: float = CLEANUP_BOUND
    """Seconds that a statement has to end in once it is interrupted."""
    silent: bool = False
    """It was dropped because its server answered nobody: others of the pool lead there as well."""
    was_standby: bool = False
    """The server was a standby when it was made."""
    usual_path: bytes | None = None
    """The search_path that it began with, if the server reports it."""
    reference: Any
    """To itself: what notes that it is in use must not hold it."""
    abandoned: Any = None
    """A stream or COPY on it was lost without an end: see `abandoning`."""
    ending: Any = None
    """The same, once somebody has taken it over to end it."""
    stopped_at_end: bool = False
    """Whether the statement that was stopped last had ended well by then."""
    broken_off: BaseException | None = None
    """What interrupted `on_notice`, where libpq calls it and nothing may be raised."""
    _readable: Callable[[float], object] | None = None
    _receiver: AsyncReceiver | None = None
    _transformer: Any = None
    """Dumps parameters, of one statement after the other."""

    @classmethod
    async def connect(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, conninfo: str = "", *, state: PoolState, **kwargs: Any
    ) -> AsyncWire:
        """Connect, or take the connection that opening the pool has left for it."""
        wire: AsyncWire
        try:
            # In one step: others of the pool's workers look for it at the same time.
            wire = state.spare.pop()
        except IndexError:
            pass
        else:
            return wire
        if state.dsn_source is not None:
            try:
                text = await asked_dsn(state.dsn_source, state.timeout)
                conninfo = state.conninfo_of(text)
            except Error as exc:
                state.connect_error = exc.message
                raise
        began = monotonic()
        try:
            wire = await super().connect(conninfo, **kwargs)
        except psycopg.Error as exc:
            state.connect_error = one_line(str(exc))
            raise
        state.connect_error = None
        wire.state = state
        wire.patience = BRIEFLY
        wire._receiver = AsyncReceiver(wire.pgconn.socket)
        if state.on_notice is None:
            # What the user has given runs where he waits, not in the event loop.
            wire.receive, wire.flow = wire._receiver.wait, wire._receiver.flow
        wire.reference = place_in(state, wire)
        wire.add_notice_handler(NoticeWatch(wire.__dict__, state.on_notice))
        name_unguessably(wire)
        wire.server = server_of(wire.pgconn)
        wire.address = address_of(wire.pgconn)
        wire.was_standby = wire.pgconn.parameter_status(b"in_hot_standby") == b"on"
        if state.meet is not None:
            meet, state.meet = state.meet, None
            try:
                await meet(wire)
            except BaseException:
                wire.pgconn.finish()
                raise
        if not state.prepares:
            wire.prepare_threshold = None
        if state.connected is not None:
            try:
                await state.connected(wire)
            except BaseException as exc:
                state.connect_error = f"on_connect failed with {type(exc).__name__}"
                wire.pgconn.finish()
                raise
        if state.meters is not None:
            state.meters.tell("create", monotonic() - began)
        wire.moved(None)
        wire.usual_path = wire.told_path
        wire.patience = CLEANUP_BOUND
        return wire

    @property
    def constraint_errors(self) -> Mapping[str, type[Error]]:
        """The user's own classes, by constraint."""
        return self.state.constraint_errors

    @property
    def one_of_several(self) -> bool:
        """Whether another connection of the pool may lead to another server."""
        return self.state.several_hosts

    async def wait(
        self,
        gen: PQGen[Any],
        interval: float = 0.1,
        timeout: float | None = None,
        io: Any = await_io,
    ) -> Any:
        """Let a step of the protocol run: bounded by the deadline, cancelled on interruption.

        Args:
            gen: The step.
            interval: Seconds after which the driver looks up while it waits.
            timeout: Seconds that it may take, in place of the deadline.
            io: What waits: `receive` for a step in which nothing of the caller's runs.
        """
        state = self.state
        if state.forked or state.loop is not arunning():
            raise state.refusal()
        deadline = self.deadline
        limited = timeout is None and deadline is not None
        patient = timeout is None and deadline is None
        if patient:
            timeout = SILENCE
        elif limited and deadline is not None:
            timeout = max(deadline - monotonic(), 0.0)
        try:
            while True:
                try:
                    found = await io(gen, self.pgconn.socket, interval=interval, timeout=timeout)
                    if self.broken_off is not None:
                        self.break_off()
                    return found
                except WaitTimeout:
                    if patient and await aanswers(place_of(self.pgconn), PROBE):
                        continue
                    if not limited:
                        raise
                    timeout = (self.deadline or 0.0) - monotonic()
                    if timeout <= 0.0:
                        raise
                    # Something was answered meanwhile.
        except WaitTimeout:
            if patient:
                self.silent = True
                self.drop()
                silent = f"the server has been silent, and answered nobody, for {SILENCE:g} s"
                raise psycopg.OperationalError(silent) from None
            if not limited:
                raise
            self.timed_out = self.late = True
            if self.drop_late:
                self.drop()
                raise psycopg.OperationalError("the server did not answer") from None
            found = await afinish(self.stop(gen))
            if self.broken_off is not None:
                self.break_off()
            if (
                self.pgconn.transaction_status == _ACTIVE
                and self.pgconn.pipeline_status == pq.PipelineStatus.OFF
            ):
                # A row or a block came all the same, and the statement is cancelled behind it.
                if await afinish(self._give_up(leave_step(self.pgconn))):
                    raise came_late(self.pgconn.transaction_status == _IDLE) from None
                raise psycopg.errors.QueryCanceled("cancelled, and answered meanwhile") from None
            return found
        except (psycopg.Error, Error):
            raise
        except BaseException:
            # An interruption, whatever its class: see `is_interruption`. What a step raised of
            # itself in a pipeline, such as a user's iterable, leaves nothing to be stopped.
            if not is_over(gen) or self.pgconn.pipeline_status == pq.PipelineStatus.OFF:
                await afinish(self._give_up(gen, leave_step(self.pgconn)))
            self.broken_off = None  # one interruption is enough
            raise

    def break_off(self) -> None:
        """Raise what interrupted `on_notice`."""
        interruption, self.broken_off = self.broken_off, None
        assert interruption is not None
        try:
            raise interruption
        finally:
            del interruption  # see `because`

    async def _give_up(self, *steps: PQGen[Any]) -> Any:
        """Stop an interrupted step, and then what it was only a part of: a stream, a COPY."""
        end, told = monotonic() + self.patience, None
        for rest in steps:
            try:
                told = await self.stop(rest, end)
            except Exception as failure:
                # Also what a step says in its own words: the interruption is what counts.
                logger.debug("stopping an interrupted statement failed: %s", said(failure))
        if self.pgconn.transaction_status == _ACTIVE:
            self.drop()
        return told

    async def stop(self, gen: PQGen[Any], end: float | None = None) -> Any:
        """Cancel what runs on the server and read to the step's end; past the bound, close."""
        end = monotonic() + self.patience if end is None else end
        while self.pgconn.transaction_status == _ACTIVE:
            left = end - monotonic()
            if left <= 0:
                self.drop()
                raise psycopg.OperationalError("the server did not answer; connection closed")
            try:
                await self.cancel_safe(timeout=left)
            except psycopg.Error as exc:
                logger.debug("cancelling failed: %s", said(exc))
            # A cancel that comes before the statement has begun is lost, so one is sent again.
            left = min(max(end - monotonic(), 0.0), 1.0)
            try:
                return await await_io(gen, self.pgconn.socket, interval=0.1, timeout=left)
            except WaitTimeout:
                continue
        return None

    async def stop_copying(self, rest: PQGen[None]) -> None:
        """Cancel a COPY to the client whose rows are not wanted any more; past the bound, close."""
        self.limit(CLEANUP_BOUND)
        try:
            await self.stop(rest)
        except psycopg.Error as exc:
            logger.debug("a COPY was stopped: %s", said(exc))
        if self.pgconn.transaction_status == _ACTIVE:
            self.drop()

    async def stop_reading(self) -> psycopg.Error | None:
        """Cancel a statement whose rows are not wanted any more; past the bound, close.

        One whose rows have all come is not cancelled: it has done its work, and its end says
        whether that holds. Returns the error that it ended with, if it is not our cancel.
        """
        error: psycopg.Error | None = None
        complete = done = False
        self.limit(CLEANUP_BOUND)
        try:
            complete, done, failed = arrived(self.pgconn)
            if self.pgconn.transaction_status == _ACTIVE:
                gen = drain_step(self.pgconn, failed)
                failed = await (self.wait(gen) if complete else self.stop(gen))
            if failed is not None:
                error = psycopg.errors.error_from_result(failed)
                if done:
                    after_its_rows(error)
        except psycopg.Error as exc:
            error = exc
        if self.pgconn.transaction_status == _ACTIVE:
            self.drop()
        if self.broken_off is not None:
            self.break_off()
        self.stopped_at_end = error is None and not self.closed
        if error is not None:
            logger.debug("a stream was stopped: %s", said(error))
            # What was lost with the connection was not wanted, but for the statement's end. A
            # cancel that is not ours is such an end too.
            ours = error.sqlstate == _CANCELED and (not complete or self.timed_out)
            if not ours and (error.sqlstate is not None or complete):
                return error
        return None

    def translated(
        self, exc: BaseException, sql: str | None = None, params: Any = None
    ) -> BaseException:
        """Return the liteorm error for what came through; what is not the driver's stays."""
        return translate(exc, self, sql, params)

    async def run(self, sql: Any, params: Any = None, result_format: int = pq.Format.BINARY) -> Any:
        """Run one statement, with binary results if not said otherwise; return its result."""
        # The driver's dumpers are kept by class: with those of the application's own classes, which
        # are not to be held here, they are made for this statement only.
        lasting = params is None or are_plain(params)
        transformer = self._transformer if lasting else None
        if transformer is None:
            # Not of the wire itself: the two would keep each other alive.
            transformer = Transformer(self.state.context)
            if lasting:
                self._transformer = transformer
        try:
            result = await self.wait(
                run_step(self, transformer, sql, params, result_format), io=self.receive
            )
        except psycopg.Error as exc:
            if not self.forget_stale(exc):
                raise
            result = await self.wait(
                run_step(self, transformer, sql, params, result_format), io=self.receive
            )
        tag = result.command_status
        if tag in SPECIAL_TAGS:
            self._note_tag(tag, sql)
            if tag in RESHAPING_TAGS:
                await self.reshape(types=changes_types(tag))
        if changes_settings(tag, sql, params):
            await self.learn_settings()
        return result

    async def run_batch(self, calls: Sequence[Any], alone: bool) -> list[Any]:
        """Run statements in one round trip: see `pipeline_step`."""
        try:
            results: list[Any] = await self.wait(pipeline_step(self, calls, alone))
        finally:
            if self.pgconn.pipeline_status != pq.PipelineStatus.OFF:
                # An interruption came while it was left: the next statement would get its answers.
                self.drop()
        return results

    async def run_script(self, sql: Any) -> list[Any]:
        """Run one statement, or several split by semicolons; return the driver's results."""
        if not is_script(sql):
            # Its results as text: some types have no other form, and nobody reads them.
            return [await self.run(sql, None, pq.Format.TEXT)]
        count = count_statements(sql)
        if self.lasting is not None and self.bounded:
            self.renew(count)
        try:
            results: list[Any] = await self.wait(script_step(self, sql, count))
        except psycopg.Error as exc:
            if not self.forget_stale(exc):
                raise
            results = await self.wait(script_step(self, sql, count))
        await self.heed(results, sql)
        return results

    async def heed(self, results: Sequence[Any], sql: Any, params: Any = None) -> None:
        """Take note of what results tell of the session's state, and ask for what they do not."""
        self.note_results(results, sql)
        reshaping = RESHAPING_TAGS.intersection(result.command_status for result in results)
        if reshaping:
            await self.reshape(types=any(map(changes_types, reshaping)))
        if any(changes_settings(result.command_status, sql, params) for result in results):
            await self.learn_settings()

    async def heed_text(self, sql: Any, params: Any) -> None:
        """Ask for what a statement may have changed whose results were read one by one."""
        if not self.closed and changes_settings(b"", sql, params):
            await self.learn_settings()

    def note_results(self, results: Iterable[Any], sql: Any) -> None:
        """Take note of what results tell of the session's state."""
        for result in results:
            if (tag := result.command_status) in SPECIAL_TAGS:
                self._note_tag(tag, sql)

    async def reshape(self, *, types: bool = True) -> None:
        """Forget what was learnt of tables, and types, which a command has changed or undone.

        In a transaction nobody else sees the change yet, and its end may take it back: they are
        forgotten again then.
        """
        self.reshaped = self.pgconn.transaction_status != _IDLE
        self.state.forget(types=types)
        prepared = prepared_statements(self)
        prepared.clear()
        if prepared._to_flush:
            # Now: what is prepared until the driver gets to it would go as well.
            await self.wait(prepared.maintain_gen(self))

    async def settle(self) -> None:
        """Forget what was learnt in a transaction that has changed types, and has ended."""
        self.reshaped = False
        if self.closed or self.pgconn.transaction_status != _IDLE:
            self.state.forget()
            return
        self.limit(CLEANUP_BOUND, drop=True)
        try:
            await self.reshape()
        except psycopg.Error as exc:
            logger.debug("prepared statements could not be dropped: %s", said(exc))
            self.drop()
        finally:
            self.unlimit()

    def forget_stale(self, exc: BaseException) -> bool:
        """Drop prepared statements if one was out of date; say whether to run it again."""
        if not is_stale(exc):
            return False
        prepared_statements(self).clear()
        # In a transaction the statement has spoilt it; its ROLLBACK clears the server's side.
        return self.pgconn.transaction_status == _IDLE

    def forget_prepared(self) -> None:
        """Believe no statement to be prepared: the server has dropped them all."""
        prepared = prepared_statements(self)
        prepared.clear()
        if prepared._to_flush:
            # `clear` of the driver plans a DEALLOCATE ALL.
            prepared._to_flush.clear()

    def _note_tag(self, tag: bytes, sql: Any) -> None:
        if is_transaction(tag):
            self.transaction_tag = tag.decode()
        elif tag in DEALLOCATING_TAGS:
            self.forget_prepared()
        elif lasts(tag, sql):
            self.dirty = True

    def doubt(self, sql: Any) -> None:
        """Have what may stay behind undone: how the statement ended was not seen."""
        if may_last(sql):
            self.dirty = True

    def refuse_transaction_tag(self) -> None:
        """Raise because a transaction command was sent as text."""
        tag, self.transaction_tag = self.transaction_tag, None
        raise transaction_command(tag or "this")

    def drop(self) -> None:
        """Close the connection at once; in a forked child the socket is the parent's."""
        if not self.state.forked:
            self.pgconn.finish()
            if self._receiver is not None:
                self._receiver.close()

    async def close(self) -> None:
        """Close the connection."""
        if "reference" in self.__dict__:
            self.reference.ended = True
        await super().close()
        if self._receiver is not None:
            self._receiver.close()

    def __del__(self, *_: Any) -> None:
        state = self.__dict__.get("state")
        if state is None or state.blocked or state.forked or is_finalizing():
            return
        # Closed and not in use, it has been replaced or was not wanted any more.
        if not self.closed or self.reference in state.borrowed:
            areclaim(state, self)
        else:
            self.reference.ended = True

    def cut(self) -> None:
        """End the connection under somebody who waits on it, without taking the descriptor."""
        if self.state.forked:
            return
        try:
            with socket.socket(fileno=socket.dup(self.pgconn.socket)) as end:
                end.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.Error):
            pass

    @property
    def spoken_to(self) -> bool:
        """Whether the server spoke while the connection was idle, mostly to say that it ends."""
        if self._readable is None:
            if self.closed:
                return True
            self._readable = spoken(self.pgconn.socket)
        return bool(self._readable(0))

    def hear(self) -> bool:
        """Take in what the server said without being asked; return whether it is still there."""
        try:
            while self.spoken_to:
                self.pgconn.consume_input()
                self.pgconn.is_busy()  # lets libpq read the messages: a FATAL goes to our handler
        except psycopg.Error:
            return False
        return self.fatal is None and not self.closed

    async def alive(self) -> bool:
        """Find out with a round trip whether the server still answers."""
        self.limit(CLEANUP_BOUND, drop=True)
        try:
            await self.command("")
        except psycopg.Error:
            return False
        finally:
            self.unlimit()
        return True

    async def clean(self, everything: bool) -> None:
        """Bring the connection back to how it began; one that does not come back is closed."""
        self.limit(CLEANUP_BOUND, drop=True)
        try:
            status = self.pgconn.transaction_status
            # Interrupted between two statements of a pipeline it is idle, and takes no others.
            if status == _ACTIVE or self.pgconn.pipeline_status:
                self.drop()
                return
            if status != _IDLE:
                await self.command("ROLLBACK")
            if everything:
                await self.command("DISCARD ALL")
                self.forget_prepared()
                self.dirty = self.raised = False
                self.own_limit = None
                if self.state.connected is not None:
                    await self._prepare_again(self.state.connected)
        except (psycopg.Error, Error) as exc:
            logger.debug("a connection could not be reset and is dropped: %s", said(exc))
            self.drop()
        finally:
            self.unlimit()

    async def _prepare_again(self, connected: Callable[[Any], Any]) -> None:
        """Let on_connect work on it; what it raises is not about the call that has just ended."""
        try:
            await connected(self)
        except Exception as exc:
            self.drop()
            logger.warning(
                "on_connect failed on a connection that was reset, which is dropped: %s",
                type(exc).__name__,
            )
        except BaseException:
            self.drop()
            raise


async def asked_dsn(source: Callable[[], Any], timeout: float) -> str:
    """Ask the user's function for the DSN.

    Raises:
        ConnectFailed: It failed, took too long, or gave something else.
    """
    try:
        found = await awithin(timeout, atold, source)
    except TimeoutError as exc:
        raise ConnectFailed(
            f"the function given as dsn did not answer within {timeout:g} s"
        ) from exc
    except Exception as exc:
        # Its text may be of the password.
        raise ConnectFailed(f"the function given as dsn failed with {type(exc).__name__}") from exc
    if not isinstance(found, str):
        raise ConnectFailed(
            f"the function given as dsn returned {type(found).__name__}, expected a str"
        )
    return found
