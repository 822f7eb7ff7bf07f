"""Waiting for a server's answer, in asyncio with a socket that the event loop goes on knowing."""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from functools import partial
from time import monotonic
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import waiting
from psycopg.waiting import Ready, Wait

from liteorm.postgres._driver import WaitTimeout
from liteorm.postgres._native.library import waiter

__all__ = ["AsyncReceiver", "Receiver", "await_io", "wait_io"]

Step: TypeAlias = "Generator[Any, Any, Any]"

await_io = waiting.wait_async
wait_io = waiting.wait

_TO_READ: Final = int(Wait.R)
_READABLE: Final = int(Ready.R)
_SHORTEST: Final = 0.1
"""Seconds: less than that is waited for by the driver."""


class _Crowd:
    """How many wait for answers in one loop."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting = 0


_crowds: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Crowd]] = (
    weakref.WeakKeyDictionary()
)


class AsyncReceiver:
    """Lets steps of the protocol run on a connection whose socket the event loop goes on knowing.

    The driver has the loop know it for each wait and forget it again, with a timer for each: half
    of what a short query costs. Here it stays known, what has come is read where the loop says so,
    and one timer does for all waits. What is no plain wait for an answer is left to the driver.

    The loop holds neither this nor the connection. An idle connection to which the server speaks is
    forgotten by the loop until the next wait.
    """

    __slots__ = (
        *("__weakref__", "_context", "_crowd", "_fd", "_fires", "_future", "_known", "_loop"),
        *("_pid", "_ready", "_soon", "_step", "_timer", "_until"),
    )

    def __init__(self, fd: int) -> None:
        self._known = False
        self._pid = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._step: Step | None = None
        self._context: Context | None = None
        self._future: asyncio.Future[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires = self._until = 0.0
        made = waiter(WaitTimeout)
        # What the loop runs next, unless it is one that does not tell: uvloop.
        self._ready: Any = getattr(self._loop, "_ready", None)
        self._soon = None if made is None or self._ready is None else made.soon
        self._crowd = _crowds.setdefault(self._loop, _Crowd())
        # A descriptor of its own: libpq closes the original where a connection is lost, and the
        # loop must be told before. With no more to be had the driver waits.
        try:
            self._fd = socket.dup(fd)
        except OSError:
            self._fd = -1

    @property
    def flow(self) -> Any:
        """What waits for a part of a long transfer."""
        return partial(self.wait, looks=False)

    async def wait(
        self,
        gen: Step,
        fileno: int,
        interval: float,
        timeout: float | None = None,
        *,
        looks: bool = True,
    ) -> Any:
        """Let a step run to its end, as `wait_async` of the driver does.

        What it does after its first wait is done by the loop, in a copy of the caller's context.

        Args:
            gen: The step.
            fileno: The connection's socket.
            interval: Seconds after which the driver looks up while it waits.
            timeout: Seconds that it may take.
            looks: The answer may come at once.
        """
        if timeout is None or timeout < _SHORTEST or self._fd < 0:
            return await await_io(gen, fileno, interval=interval, timeout=timeout)
        try:
            wanted = next(gen)
        except StopIteration as stop:
            return stop.value
        until = monotonic() + timeout
        if wanted == _TO_READ:
            crowd = self._crowd
            if looks and self._soon is not None and not crowd.waiting and not self._ready:
                # Nobody else waits here whose answer would have to wait as well, and nobody has
                # work: the loop is then not put to sleep for an answer that comes at once.
                self._soon(self._fd)
            if not self._known:
                self._loop.add_reader(self._fd, partial(_readable, weakref.ref(self)))
                self._known = True
            if self._timer is None or self._fires > until:
                self._set_timer(until)
            self._until = until
            crowd.waiting += 1
            try:
                self._context = copy_context()
                self._future = self._loop.create_future()
                self._step = gen
                ended, found = await self._future
            except BaseException:
                # What it ended with meanwhile is not missed: the interruption is what counts.
                self._drop_answer()
                raise
            finally:
                crowd.waiting -= 1
                self._step = self._context = self._future = None
            if ended:
                return found
            wanted = found
        left = max(until - monotonic(), 0.0)
        return await await_io(_going_on(gen, wanted), fileno, interval=interval, timeout=left)

    def _drop_answer(self) -> None:
        if self._future is not None and self._future.done() and not self._future.cancelled():
            self._future.exception()

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires = when
        self._timer = self._loop.call_later(max(when - monotonic(), 0.0), _late, weakref.ref(self))

    def read(self) -> None:
        """Let the step read what has come."""
        step, future, context = self._step, self._future, self._context
        if step is None or future is None or context is None:
            # Nobody waits: the server has spoken to an idle connection. Known to the loop it would
            # keep that busy until somebody reads.
            self._forget()
            return
        if future.done():
            return  # interrupted, and not yet awake
        wanted: Any = None
        try:
            try:
                wanted = context.run(step.send, _READABLE)
            except StopIteration as stop:
                future.set_result((True, stop.value))
            else:
                if wanted != _TO_READ:
                    future.set_result((False, wanted))
        except BaseException as exc:
            if not future.done():
                future.set_exception(exc)
        finally:
            if wanted != _TO_READ and not future.done():
                future.cancel()  # a handler of a signal has raised just here
            del future  # its exception's frames would hold it

    def late(self) -> None:
        """End a wait that has lasted as long as it may; else look again when it will have."""
        self._timer = None
        future = self._future
        if future is None or future.done():
            return
        if monotonic() < self._until:
            self._set_timer(self._until)
        else:
            future.set_exception(WaitTimeout("wait timeout expired"))

    def _forget(self) -> None:
        self._known = False
        self._loop.remove_reader(self._fd)

    def close(self) -> None:
        """Give the descriptor back; a step that waits fails."""
        if self._fd < 0:
            return
        if self._pid == os.getpid() and not self._loop.is_closed():
            self._forget()
            if self._timer is not None:
                self._timer.cancel()
            if self._future is not None and not self._future.done():
                self._future.set_exception(psycopg.OperationalError("connection socket closed"))
        fd, self._fd = self._fd, -1
        socket.close(fd)

    def __del__(self) -> None:
        fd = getattr(self, "_fd", -1)
        if fd < 0:
            return
        if not self._known or self._pid != os.getpid():
            socket.close(fd)
        elif asyncio._get_running_loop() is self._loop:
            _let_go(self._loop, fd)
        else:
            try:
                self._loop.call_soon_threadsafe(_let_go, self._loop, fd)
            except RuntimeError:
                socket.close(fd)  # the loop has ended


def _readable(reference: Callable[[], AsyncReceiver | None]) -> None:
    receiver = reference()
    if receiver is not None:
        receiver.read()


def _late(reference: Callable[[], AsyncReceiver | None]) -> None:
    receiver = reference()
    if receiver is not None:
        receiver.late()


def _let_go(loop: asyncio.AbstractEventLoop, fd: int) -> None:
    loop.remove_reader(fd)
    socket.close(fd)


def _going_on(gen: Step, wanted: Any) -> Step:
    """Go on with a step that has been started."""
    try:
        while True:
            wanted = gen.send((yield wanted))
    except StopIteration as stop:
        return stop.value


class Receiver:
    """Lets steps of the protocol run on one connection, in threads.

    With the compiled half short answers are looked for before the thread sleeps, where they have
    come soon before; see `waiting.c`. Else the driver waits.
    """

    __slots__ = ("flow", "wait")

    def __init__(self, fd: int) -> None:
        self.wait = self.flow = wait_io
        made = waiter(WaitTimeout)
        if made is not None:
            self.wait, self.flow = made.wait, made.flow

    def close(self) -> None:
        """Do nothing: it keeps no descriptor."""
