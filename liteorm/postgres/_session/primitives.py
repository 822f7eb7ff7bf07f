"""What truly differs between asyncio and threads, in pairs; the twins name one or the other."""

from __future__ import annotations

import asyncio
import inspect
import queue
import select
import socket
import sys
import threading
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Annotated, Any, Final, TypeAlias, TypeVar, cast

from psycopg_pool import AsyncConnectionPool, ConnectionPool

from liteorm._core.locks import safely
from liteorm.postgres._driver import WaitTimeout, has_queue, leave_queue, queue_up

T = TypeVar("T")

__all__ = [
    "Answer",
    "AsyncAnswer",
    "AsyncLock",
    "AsyncSignal",
    "AsyncWatch",
    "Lock",
    "Signal",
    "WaitTimeout",
    "Watch",
    "aanswer",
    "acall",
    "acheck_plain",
    "afinish",
    "agetconn",
    "aleaves_block_open",
    "answer",
    "apause",
    "arunning",
    "aserves_strangers",
    "asleep",
    "atold",
    "awithin",
    "call",
    "check_plain",
    "finish",
    "getconn",
    "leaves_block_open",
    "pause",
    "readable",
    "running",
    "serves_strangers",
    "sleep",
    "spoken",
    "told",
    "within",
]

AsyncAnswer: TypeAlias = Awaitable[T]
Answer: TypeAlias = Annotated[T, "at once"]
"""What a function of the user's returns."""

AsyncLock = asyncio.Lock


def Lock() -> Any:  # noqa: N802 - the twin of a class
    """Make a lock."""
    return safely(threading.Lock())


AsyncSignal = asyncio.Event
Signal = threading.Event

asleep = asyncio.sleep
sleep = time.sleep


def aserves_strangers() -> bool:
    """Say whether what runs here serves one caller after another: a task does not."""
    return False


def serves_strangers() -> bool:
    """Say whether what runs here serves one caller after another, as a thread of a pool does."""
    return threading.current_thread() is not threading.main_thread()


def aleaves_block_open() -> bool:
    """Say whether the caller, who enters a block, is all that its thread does for now."""
    return False


_SERVING: Final = frozenset({"concurrent.futures.thread", "anyio._backends._asyncio"})


def leaves_block_open() -> bool:
    """Say whether the caller, who enters a block, is all that its thread does for now.

    As `run_in_executor(None, block.__enter__)` has it, or through what contextlib made: the block
    goes on elsewhere, and what the thread does next is somebody else's.
    """
    if not serves_strangers():
        return False
    entering = job = sys._getframe(1)
    while (back := job.f_back) is not None and back.f_globals.get("__name__") not in _SERVING:
        job = back
    return back is not None and (job is entering or job.f_globals.get("__name__") == "contextlib")


arunning = asyncio._get_running_loop
"""Says in which event loop this runs, None outside of any."""


running: Callable[[], None] = types.NoneType
"""Says the same where there are threads: in none. Called for each statement, so no function."""


async def apause(seconds: float, signal: asyncio.Event) -> None:
    """Wait for a while, or until something is signalled."""
    try:
        async with asyncio.timeout(seconds):
            await signal.wait()
    except TimeoutError:
        pass


def pause(seconds: float, signal: threading.Event) -> None:
    """Wait for a while, or until something is signalled."""
    signal.wait(seconds)


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, T], pending: Any) -> Generator[Any, Any, T]:
    """Go on with a coroutine that has been started and waits for `pending`."""
    while True:
        try:
            try:
                value = yield pending
            except BaseException as exc:
                pending = coroutine.throw(exc)
            else:
                pending = coroutine.send(value)
        except StopIteration as stop:
            result: T = stop.value
            return result


async def afinish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end even if the task is cancelled meanwhile; then surface that.

    One that never waits costs no task. It must not ask for the current task before its first
    wait (asyncio.timeout does): it may go on in another one.
    """
    try:
        pending = coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    task = asyncio.ensure_future(_as_coroutine(coroutine, pending))
    interrupted: BaseException | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as exc:
            interrupted = exc
    if interrupted is not None:
        if not task.cancelled():
            task.exception()  # retrieved: the interruption is what counts
        try:
            raise interrupted
        finally:
            del interrupted  # see `because`
    try:
        return task.result()
    finally:
        del task  # its exception's frames hold it


async def _as_coroutine(coroutine: Coroutine[Any, Any, T], pending: Any) -> T:
    return await _resume(coroutine, pending)


def finish(result: T) -> T:
    """Twin of `afinish`: the work has been done when this is called."""
    return result


async def agetconn(pool: AsyncConnectionPool[Any], timeout: float) -> Any:
    """Borrow a connection; a cancellation always surfaces."""
    if has_queue(pool, timeout):
        return await queue_up(pool, timeout)
    return await pool.getconn(timeout)


if sys.version_info < (3, 12):  # pragma: no cover

    async def agetconn(pool: AsyncConnectionPool[Any], timeout: float) -> Any:
        """Borrow a connection; a cancellation always surfaces."""
        if has_queue(pool, timeout):
            return await queue_up(pool, timeout)
        # wait_for() of Python 3.11 drops a cancellation that comes together with what was
        # awaited (https://github.com/python/cpython/issues/86296); the pool queues with it.
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        conn = await pool.getconn(timeout)
        if task is not None and task.cancelling() > before:
            await afinish(pool.putconn(conn))
            raise asyncio.CancelledError
        return conn


def getconn(pool: ConnectionPool[Any], timeout: float) -> Any:
    """Borrow a connection; an interruption loses none."""
    try:
        return pool.getconn(timeout)
    except Exception:
        raise
    except BaseException as exc:
        leave_queue(pool, exc)
        raise


async def atold(function: Callable[[], Any]) -> Any:
    """Return what a function gives: a coroutine function's answer, a plain one's from a thread."""
    found = function() if inspect.iscoroutinefunction(function) else None
    if found is None:
        found = await asyncio.to_thread(function)
    return await found if inspect.isawaitable(found) else found


def told(function: Callable[[], Any]) -> Any:
    """Return what a function gives."""
    found = function()
    _refuse_coroutine(found)
    return found


_NOBODY_AWAITS: Final = "a coroutine function was given where nobody awaits it; give a plain one"


def _refuse_coroutine(found: object) -> None:
    if inspect.iscoroutine(found):
        found.close()
        raise TypeError(_NOBODY_AWAITS)


def acheck_plain(name: str, function: object) -> None:
    """Take a coroutine function as well as a plain one."""


def check_plain(name: str, function: object) -> None:
    """Refuse a coroutine function for an argument, before anything is done."""
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{name}: {_NOBODY_AWAITS}")


async def aanswer(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Call a function whose answer has to be awaited."""
    found: object = function(*args)
    if not inspect.isawaitable(found):
        raise TypeError(
            "a plain function was given where its answer is awaited; give a coroutine function"
        )
    result: T = await found
    return result


def answer(function: Callable[..., T], *args: Any) -> T:
    """Call a function; nobody would await what a coroutine function gives."""
    check_plain(getattr(function, "__name__", "the function"), function)
    found = function(*args)
    _refuse_coroutine(found)
    return found


async def awithin(
    seconds: float, function: Callable[..., Coroutine[Any, Any, T]], *args: Any, **named: Any
) -> T:
    """Call what makes a connection; give up after a while (TimeoutError)."""
    async with asyncio.timeout(seconds):
        return await function(*args, **named)


def within(seconds: float, function: Callable[..., T], *args: Any, **named: Any) -> T:
    """Call what makes a connection; give up after a while (TimeoutError).

    In a thread of its own: the driver's and the system's timeouts are for each host and address.
    A connection that comes too late is closed.
    """
    answer: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
    given_up = threading.Event()

    def run() -> None:
        try:
            found: Any = function(*args, **named)
        except BaseException as exc:
            answer.put((None, exc))
            return
        answer.put((found, None))
        if given_up.is_set() and hasattr(found, "close"):
            found.close()

    threading.Thread(target=run, name="liteorm connecting", daemon=True).start()
    try:
        result, error = answer.get(timeout=seconds)
    except queue.Empty:
        given_up.set()
        raise TimeoutError from None
    except BaseException:
        given_up.set()
        raise
    if error is not None:
        raise error
    return cast("T", result)


async def acall(function: Callable[[], Awaitable[object] | object]) -> None:
    """Call what may be a coroutine function."""
    result = function()
    if inspect.isawaitable(result):
        await result


def call(function: Callable[[], object]) -> None:
    """Call a function."""
    _refuse_coroutine(function())


def readable(*sockets: int) -> Callable[[float | None], bool]:
    """Return what waits so many seconds for one of the sockets to have something to read."""
    if not hasattr(select, "poll"):  # Windows
        return lambda timeout: bool(select.select(sockets, (), (), timeout)[0])
    poll = select.poll()
    for each in sockets:
        poll.register(each, select.POLLIN)
    return lambda timeout: bool(poll.poll(None if timeout is None else timeout * 1000))


def spoken(fd: int) -> Callable[[float], object]:
    """Return what tells at once whether a socket has something to read, given a 0."""
    if not hasattr(select, "poll"):  # Windows
        return readable(fd)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return poll.poll


class AsyncWatch:
    """Waits until a socket has something to read, or until it is woken."""

    def __init__(self, fd: int) -> None:
        # A descriptor of its own: the event loop knows one reader for each, and the driver
        # registers the original while a statement runs.
        self._fd = socket.dup(fd)
        self._woken = asyncio.Event()
        self._waiting = self._closed = False

    async def wait(self, timeout: float | None) -> bool:
        """Wait; return False when the timeout passed first."""
        if self._closed:
            return True
        self._waiting = True
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._readable)
        try:
            async with asyncio.timeout(timeout):
                await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._fd)
            self._woken.clear()
            self._waiting = False
            if self._closed:
                socket.close(self._fd)
        return True

    def _readable(self) -> None:
        # Once is enough: a reader left in place would be called for as long as data is there.
        asyncio.get_running_loop().remove_reader(self._fd)
        self._woken.set()

    def wake(self) -> None:
        """End a wait."""
        self._woken.set()

    def close(self) -> None:
        """Give the descriptor back, after the wait that may go on."""
        if not self._closed:
            self._closed = True
            self._woken.set()
            if not self._waiting:
                socket.close(self._fd)


class Watch:
    """Waits until a socket has something to read, or until it is woken."""

    def __init__(self, fd: int) -> None:
        self._fd = socket.dup(fd)
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._lock = safely(threading.Lock())
        self._waiting = self._closed = False

    def wait(self, timeout: float | None) -> bool:
        """Wait; return False when the timeout passed first."""
        with self._lock:
            if self._closed:
                return True
            self._waiting = True
        try:
            wait = readable(self._fd, self._ours.fileno())
            ready = wait(None if timeout is None else max(timeout, 0.0))
            try:
                self._ours.recv(4096)
            except BlockingIOError:
                pass
        finally:
            with self._lock:
                self._waiting = False
                if self._closed:
                    self._release()
        return ready

    def wake(self) -> None:
        """End a wait."""
        try:
            self._theirs.send(b"w")
        except OSError:
            pass  # full, so it will wake; or closed, so nobody waits

    def close(self) -> None:
        """Give the descriptors back, after the wait that may go on."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._waiting:
                self.wake()
            else:
                self._release()

    def _release(self) -> None:
        socket.close(self._fd)
        self._ours.close()
        self._theirs.close()
