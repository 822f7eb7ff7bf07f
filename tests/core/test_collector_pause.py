"""The garbage collector's pause: back as it was after success, failure, threads and nesting."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import Rows, scan
from liteorm._core.scanning.scanner import CHUNK
from liteorm._core.scanning.shape import LoadRows, Shape
from liteorm._core.scanning.types import BY_OID, Variant

COUNT = 3 * CHUNK


@attrs.frozen
class Numbers:
    """Rows in memory: the numbers from 0, and what else happens when a chunk is loaded."""

    on_load: Any = lambda start: None
    count: int = COUNT
    shape: Shape = attrs.field(factory=lambda: Shape(("n",), (BY_OID[20],)))

    @property
    def names(self) -> tuple[str, ...]:
        return self.shape.names

    def loader(self, variants: tuple[Variant, ...] | None) -> LoadRows:
        def load(start: int, stop: int) -> list[tuple[Any, ...]]:
            self.on_load(start)
            return [(n,) for n in range(start, stop)]

        return load

    def failure(
        self,
        start: int,
        stop: int,
        variants: tuple[Variant, ...] | None,
        error: Exception,
        first: int = 0,
    ) -> liteorm.Error:
        return liteorm.DataError("the chunk cannot be loaded", row=first + start)


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    """The collector is on before each test, and checked to be on after it."""
    gc.enable()
    yield
    assert gc.isenabled()


def test_the_collector_rests_during_a_large_scan_only() -> None:
    """It is off while chunks are built, on again after; a small result does not touch it."""
    seen: list[bool] = []
    source = Numbers(lambda start: seen.append(gc.isenabled()))
    assert scan(Rows(source), int) == list(range(COUNT))
    assert seen == [False, False, False]
    small = Numbers(lambda start: seen.append(gc.isenabled()), count=CHUNK)
    assert len(scan(Rows(small), int)) == CHUNK
    assert seen[-1] is True


def test_a_collector_that_was_off_stays_off() -> None:
    """Who switched the collector off finds it off."""
    gc.disable()
    try:
        scan(Rows(Numbers()), int)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_error_ends_the_pause() -> None:
    """A failing row leaves the collector on, and the next scan works."""

    def fail(start: int) -> None:
        if start:
            raise RuntimeError("out of memory, say")

    with pytest.raises(liteorm.DataError):
        scan(Rows(Numbers(fail)), int)
    assert gc.isenabled()
    assert len(scan(Rows(Numbers()), int)) == COUNT


def test_nested_scans_end_the_pause_once() -> None:
    """A scan inside another's loading does not switch the collector on under it."""
    states: list[bool] = []

    def inside(start: int) -> None:
        scan(Rows(Numbers()), int)
        states.append(gc.isenabled())

    scan(Rows(Numbers(inside)), int)
    assert states == [False, False, False]


def test_threads_that_overlap_leave_the_collector_on() -> None:
    """The last of several threads to finish restores what the first one found."""
    first_in, second_done = threading.Event(), threading.Event()

    def wait(start: int) -> None:
        first_in.set()
        assert second_done.wait(10)

    thread = threading.Thread(target=lambda: scan(Rows(Numbers(wait)), int))
    thread.start()
    assert first_in.wait(10)
    scan(Rows(Numbers()), int)
    assert not gc.isenabled()
    second_done.set()
    thread.join(10)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_forked_during_a_scan_has_its_collector(tmp_path: Any) -> None:
    """A child of a fork inherits no pause of threads that it has not."""
    answer = tmp_path / "enabled"

    def fork(start: int) -> None:
        if start == 0:
            child = os.fork()
            if child == 0:
                answer.write_text(str(gc.isenabled()))
                os._exit(0)
            os.waitpid(child, 0)

    scan(Rows(Numbers(fork)), int)
    assert answer.read_text() == "True"
