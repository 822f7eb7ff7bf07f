"""The compiled half's wait does what the driver's does, and sleeps otherwise."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import waiting
from psycopg.waiting import Ready, Wait

from liteorm.postgres import open
from liteorm.postgres._driver import WaitTimeout
from liteorm.postgres._native.library import waiter

native = pytest.importorskip("liteorm_native", reason="liteorm-native is not built here")
if not hasattr(native, "Waiter"):
    pytest.skip("the driver waits here", allow_module_level=True)

Step = Generator[Any, Any, Any]
HOWS = ("wait", "flow")
INTERVAL = 0.1


class Boom(BaseException):
    """Raised by a handler or a step."""


def wait_by(how: str) -> Callable[..., Any]:
    """Return what waits: of the compiled half, or of the driver."""
    return waiting.wait if how == "driver" else getattr(native.Waiter(WaitTimeout), how)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two ends of a connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def asking(wishes: list[Wait], told: list[Any], result: Any = "done") -> Step:
    """Ask for each wish, and note what came of it."""
    for wish in wishes:
        told.append((yield wish))
    return result


def reading(ours: socket.socket, parts: int, told: list[Any]) -> Step:
    """Read so many parts, as a step of the protocol does."""
    found = []
    while len(found) < parts:
        ready = yield Wait.R
        told.append(ready)
        if ready & Ready.R:
            found.append(ours.recv(100))
    return found


@pytest.mark.parametrize("how", [*HOWS, "driver"])
@given(wishes=st.lists(st.sampled_from([Wait.R, Wait.W, Wait.RW]), max_size=8), said=st.booleans())
def test_a_step_is_told_what_the_driver_tells_it(how: str, wishes: list[Wait], said: bool) -> None:
    """Whatever it asks for, of a socket that can be written, and perhaps read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if said:
            theirs.send(b"x")
        wishes = [wish for wish in wishes if said or wish != Wait.R]
        told: list[Any] = []
        assert wait_by(how)(asking(wishes, told), ours.fileno(), interval=INTERVAL) == "done"
        assert told == [wish & (Ready.RW if said else Ready.W) for wish in wishes]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("pause", [0, 0.00002, 0.0002, 0.01], ids=str)
def test_parts_are_read_as_they_come(
    how: str, pause: float, ends: tuple[socket.socket, socket.socket]
) -> None:
    """At once, while it looks, while it naps, or while it sleeps."""
    ours, theirs = ends
    parts = 20

    def speak() -> None:
        for part in range(parts):
            time.sleep(pause)
            theirs.send(b"%d" % part)
            while select.select([ours], [], [], 0)[0]:
                time.sleep(0.000_01)

    speaker = threading.Thread(target=speak)
    speaker.start()
    told: list[Any] = []
    try:
        found = wait_by(how)(reading(ours, parts, told), ours.fileno(), interval=INTERVAL)
    finally:
        speaker.join()
    assert found == [b"%d" % part for part in range(parts)]
    assert set(told) == {Ready.R}


@pytest.mark.parametrize("how", [*HOWS, "driver"])
@pytest.mark.parametrize("timeout", [0, 0.02, 0.25])
def test_a_wait_ends_in_time(
    how: str, timeout: float, ends: tuple[socket.socket, socket.socket]
) -> None:
    """The step may hear that nothing has come, each interval, and can go on later."""
    ours, theirs = ends
    told: list[Any] = []
    step = reading(ours, 1, told)
    began = time.monotonic()
    with pytest.raises(WaitTimeout):
        wait_by(how)(step, ours.fileno(), interval=INTERVAL, timeout=timeout)
    # the driver counts whole milliseconds, downwards
    assert timeout - 0.002 <= time.monotonic() - began < timeout + 5
    assert told == [Ready.NONE] * len(told)
    # The driver is awake for the last millisecond.
    assert how == "driver" or len(told) <= timeout / INTERVAL + 1
    theirs.send(b"late")
    assert wait_by(how)(_again(step), ours.fileno(), interval=INTERVAL) == [b"late"]


def _again(step: Step) -> Step:
    """Go on with a step that was left in a wait."""
    wish = step.send(Ready.NONE)
    while True:
        try:
            wish = step.send((yield wish))
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("how", [*HOWS, "driver"])
@pytest.mark.parametrize("timeout", [-1, -0.5, -1e300])
def test_no_time_is_left_where_less_than_none_is(
    how: str, timeout: float, ends: tuple[socket.socket, socket.socket]
) -> None:
    """It is not taken for no bound."""
    ours, _ = ends
    with pytest.raises(WaitTimeout):
        wait_by(how)(asking([Wait.R] * 50, []), ours.fileno(), interval=INTERVAL, timeout=timeout)


@pytest.mark.parametrize("how", [*HOWS, "driver"])
def test_an_answer_in_time_is_no_timeout(
    how: str, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Also where there is no time at all: what has come is read."""
    ours, theirs = ends
    theirs.send(b"x")
    found = wait_by(how)(reading(ours, 1, []), ours.fileno(), interval=INTERVAL, timeout=0)
    assert found == [b"x"]


@pytest.mark.parametrize("how", HOWS)
def test_what_a_step_raises_comes_through(
    how: str, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Before its first wait and after it."""
    ours, _ = ends

    def failing(wishes: int) -> Step:
        yield from asking([Wait.W] * wishes, [])
        raise Boom

    for wishes in (0, 1, 5):
        with pytest.raises(Boom):
            wait_by(how)(failing(wishes), ours.fileno(), interval=INTERVAL)


@pytest.mark.parametrize("how", HOWS)
def test_an_interrupt_ends_a_wait(how: str, ends: tuple[socket.socket, socket.socket]) -> None:
    """The step stays where it was, to be ended by whoever knows how; others end nothing."""
    ours, theirs = ends
    calls = []

    def handle(*_: object) -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            raise Boom

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    step = reading(ours, 1, [])
    try:
        with pytest.raises(Boom):
            wait_by(how)(step, ours.fileno(), interval=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(calls) == 3
    theirs.send(b"x")
    assert wait_by(how)(_again(step), ours.fileno(), interval=INTERVAL) == [b"x"]


@pytest.mark.parametrize("how", HOWS)
def test_an_interrupt_ends_a_wait_for_what_always_comes(
    how: str, ends: tuple[socket.socket, socket.socket]
) -> None:
    """The driver's steps run no bytecode, which would look at signals: only the wait does."""
    ours, theirs = ends
    theirs.send(b"x")

    def handle(*_: object) -> None:
        raise Boom

    # Asks to read again and again, in C alone.
    step: Any = types.SimpleNamespace(send={None: 1, 0: 1, 1: 1}.__getitem__)
    before = signal.signal(signal.SIGALRM, handle)
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Boom):
            wait_by(how)(step, ours.fileno(), interval=INTERVAL, timeout=10)
        # Not behind the wait, where it would come as well.
        assert time.monotonic() - began < 5
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("how", HOWS)
def test_an_interrupt_that_another_thread_got_is_seen_each_interval(how: str) -> None:
    """Python notes it, and only the main thread runs its handler."""
    program = f"""
import _thread, socket, threading, time
from liteorm_native import Waiter
ours, theirs = socket.socketpair()
def step():
    while True:
        yield 1
threading.Timer(0.2, _thread.interrupt_main).start()
began = time.monotonic()
try:
    Waiter(TimeoutError).{how}(step(), ours.fileno(), interval=0.05, timeout=30)
except KeyboardInterrupt:
    assert time.monotonic() - began < 20
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert done.stdout.split() == [b"interrupted"], done.stderr


@pytest.mark.parametrize("how", [*HOWS, "driver"])
def test_a_socket_whose_other_end_is_gone_can_be_read(
    how: str, ends: tuple[socket.socket, socket.socket]
) -> None:
    """What is read there is the end, which libpq then tells of."""
    ours, theirs = ends
    theirs.close()
    assert wait_by(how)(reading(ours, 1, []), ours.fileno(), interval=INTERVAL) == [b""]


@pytest.mark.parametrize("how", HOWS)
def test_a_descriptor_that_is_none_is_for_libpq_to_tell_of(how: str) -> None:
    """The step is told that it can go on: it finds the socket closed."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(theirs):
        fd = ours.detach()
        os.close(fd)
        told: list[Any] = []
        assert wait_by(how)(asking([Wait.R, Wait.RW], told), fd, interval=INTERVAL) == "done"
    assert told == [Ready.R, Ready.RW]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(("step", "fd"), [("a", 0), ([None], 0), ([1], "0"), (7, 0)], ids=str)
def test_what_is_no_step_is_refused(how: str, step: Any, fd: Any) -> None:
    """Wishes and descriptors are numbers, steps are generators."""
    given_step = step if step == 7 else (wish for wish in step)
    with pytest.raises((TypeError, AttributeError)):
        wait_by(how)(given_step, fd, interval=INTERVAL)


@pytest.mark.parametrize("how", HOWS)
def test_what_is_no_option_is_refused(how: str) -> None:
    """A misspelt timeout is not one that never passes, nor a great number a small one."""
    run = wait_by(how)
    with pytest.raises(TypeError, match="not timeuot"):
        run(asking([], []), 0, interval=INTERVAL, timeuot=1)
    with pytest.raises(TypeError):
        run(asking([], []), 0, interval=None)
    for fd in (2**31, 2**40, -(2**40)):
        with pytest.raises(OverflowError):
            run(asking([], []), fd, interval=INTERVAL)


def test_who_was_answered_late_looks_less_often(ends: tuple[socket.socket, socket.socket]) -> None:
    """After each look in vain more than twice as many waits pass, up to 255; by halves back."""
    ours, theirs = ends
    found = native.Waiter(WaitTimeout)

    def looks(count: int) -> list[int]:
        # One that looks takes at least as long as a look.
        seen = []
        for number in range(count):
            began = time.perf_counter()
            assert found.soon(ours.fileno()) is False
            if time.perf_counter() - began >= 0.000_05:
                seen.append(number)
        return seen

    # A busy machine may let one that does not look seem to.
    assert {0, 4, 14, 36, 82, 176, 366, 622} <= set(looks(700))
    theirs.send(b"x")
    hits = [number for number in range(520) if found.soon(ours.fileno())]
    # Once 127 pass, then 63, at last none.
    between = [later - hit for hit, later in itertools.pairwise(hits)]
    assert between[:7] == [128, 64, 32, 16, 8, 4, 2]
    assert set(between[7:]) == {1}


@pytest.mark.parametrize("how", HOWS)
def test_nobody_looks_while_another_thread_waits(
    how: str, ends: tuple[socket.socket, socket.socket]
) -> None:
    """The processor is then for those who work."""
    ours, theirs = ends
    theirs.send(b"x")
    found = native.Waiter(WaitTimeout)
    assert found.soon(ours.fileno())
    others, ends_of_others = socket.socketpair()
    with others, ends_of_others:
        waits = threading.Thread(
            target=wait_by(how),
            args=(asking([Wait.R], []), others.fileno()),
            kwargs={"interval": 60, "timeout": 60},
        )
        waits.start()
        while found.soon(ours.fileno()):
            time.sleep(0.001)
        time.sleep(0.05)
        assert not found.soon(ours.fileno())
        ends_of_others.send(b"x")
        waits.join()
    assert found.soon(ours.fileno())


def test_the_child_of_a_fork_does_not_count_the_threads_of_its_parent() -> None:
    """They are not there; it would never look again."""
    program = """
import os, socket, threading
from liteorm_native import Waiter
ours, theirs = socket.socketpair()
theirs.send(b"x")
others, ends_of_others = socket.socketpair()
found = Waiter(TimeoutError)
waits = threading.Thread(target=found.wait, args=((wish for wish in [1]), others.fileno()),
                         kwargs={"interval": 60})
waits.start()
while found.soon(ours.fileno()):
    pass
child = os.fork()
if child == 0:
    os._exit(0 if Waiter(TimeoutError).soon(ours.fileno()) else 1)
print(os.waitpid(child, 0)[1])
ends_of_others.send(b"x")
waits.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert done.stdout.split() == [b"0"], done.stderr


@pytest.mark.parametrize("how", HOWS)
def test_many_waits_leave_nothing(how: str, ends: tuple[socket.socket, socket.socket]) -> None:
    """No reference is kept, of what is given, sent or raised."""
    ours, _ = ends
    waits = native.Waiter(WaitTimeout)
    run = getattr(waits, how)
    value, told = object(), [Ready.W]

    def failing() -> Step:
        yield Wait.W
        raise Boom

    def some(count: int) -> None:
        for _ in range(count):
            told.clear()
            assert run(asking([Wait.W], told, value), ours.fileno(), interval=1.0) is value
            with contextlib.suppress(Boom):
                run(failing(), ours.fileno(), interval=1.0, timeout=None)
            with contextlib.suppress(WaitTimeout):
                run(asking([Wait.R, Wait.R], told), ours.fileno(), interval=1.0, timeout=0)

    some(10)
    gc.collect()
    counted = [sys.getrefcount(each) for each in (value, waits, WaitTimeout, Boom)]
    some(30_000)
    gc.collect()
    after = [sys.getrefcount(each) for each in (value, waits, WaitTimeout, Boom)]
    assert [abs(now - then) < 50 for now, then in zip(after, counted, strict=True)] == [True] * 4


def test_connections_wait_by_it(liteorm_database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is there, is not switched off, and the driver has no other way to wait."""
    monkeypatch.delenv("LITEORM_NATIVE", raising=False)
    if waiting.wait is not getattr(waiting, "wait_c", None):
        # psycopg without its compiled half, or told to wait otherwise.
        assert waiter(WaitTimeout) is None
        return
    with open(liteorm_database.dsn, max_size=1) as db:
        db.query("SELECT 1")
        state: Any = db._state
        [wire] = state.pool._pool
        assert type(wire.receive.__self__) is type(wire.flow.__self__) is native.Waiter
    assert waiter(WaitTimeout) is not None
    with monkeypatch.context() as patched:
        patched.setattr(waiting, "wait", waiting.wait_poll)
        assert waiter(WaitTimeout) is None
    monkeypatch.setenv("LITEORM_NATIVE", "0")
    assert waiter(WaitTimeout) is None
