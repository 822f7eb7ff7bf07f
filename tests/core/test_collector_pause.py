"""The garbage collector's pause: back as it was after success, failure, threads and nesting."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import attrs
import pytest

import liteorm
from liteorm import Rows, scan
from liteorm._core.scanning import collector
from liteorm._core.scanning.scanner import CHUNK
from liteorm._core.scanning.shape import LoadRows, Shape
from liteorm._core.scanning.types import BY_OID, Variant
from tests.threads import traced

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
def awake() -> Iterator[None]:
    """The collector is on before each test, and checked to be as it was after it."""
    before = gc.get_threshold()
    collector._PAUSE._back = collector._PAUSE._until = 0.0
    assert gc.isenabled()
    assert before[0]
    yield
    assert gc.isenabled()
    assert gc.get_threshold() == before


def works() -> bool:
    """Tell whether the collector would run."""
    return gc.isenabled() and 0 < gc.get_threshold()[0] < 1_000_000


def test_the_collector_rests_during_a_large_scan_only() -> None:
    """It is off while chunks are built, on again after; a small result does not touch it."""
    seen: list[bool] = []
    source = Numbers(lambda start: seen.append(works()))
    assert scan(Rows(source), int) == list(range(COUNT))
    assert seen == [False, False, False]
    small = Numbers(lambda start: seen.append(works()), count=CHUNK)
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
    assert works()
    assert len(scan(Rows(Numbers()), int)) == COUNT


def test_nested_scans_end_the_pause_once() -> None:
    """A scan inside another's loading does not switch the collector on under it."""
    states: list[bool] = []

    def inside(start: int) -> None:
        scan(Rows(Numbers()), int)
        states.append(works())

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
    assert not works()
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
                answer.write_text(str(works()))
                os._exit(0)
            os.waitpid(child, 0)

    scan(Rows(Numbers(fork)), int)
    assert answer.read_text() == "True"


def test_a_wish_of_the_applications_own_is_kept() -> None:
    """Who switches the collector off or sets thresholds during a scan finds it so after it."""
    before = gc.get_threshold()
    scan(Rows(Numbers(lambda start: gc.disable())), int)
    assert not gc.isenabled()
    gc.enable()
    try:
        scan(Rows(Numbers(lambda start: gc.set_threshold(123, 4, 5))), int)
        assert gc.get_threshold()[:2] == (123, 4)
    finally:
        gc.set_threshold(*before)


def test_the_pause_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its longest rest the collector is back although the scan goes on, and rests again."""
    now = [100.0]
    monkeypatch.setattr(collector, "monotonic", lambda: now[0])
    seen: list[bool] = []

    def load(start: int) -> None:
        seen.append(works())
        now[0] += 0.3

    scan(Rows(Numbers(load, count=12 * CHUNK)), int)
    assert seen == [False] * 4 + [True] + [False] * 4 + [True] + [False] * 2


def test_threads_without_a_gap_between_them_do_not_keep_the_collector_off() -> None:
    """Eight threads that scan without end leave it time to collect."""
    over = threading.Event()
    collected = threading.Event()

    def on_collection(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            collected.set()

    def read() -> None:
        while not over.is_set():
            scan(Rows(Numbers(count=40 * CHUNK)), tuple[int])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    gc.callbacks.append(on_collection)
    try:
        assert collected.wait(20)
    finally:
        gc.callbacks.remove(on_collection)
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("number", range(40))
def test_an_exception_between_any_two_steps_ends_the_pause(number: int) -> None:
    """Whatever a signal raises wherever it strikes, the collector is back afterwards."""
    steps = 0

    class Struck(BaseException):
        """What a signal's handler raises."""

    def strike(frame: Any, event: str, argument: Any) -> Any:
        nonlocal steps
        if frame.f_code.co_filename != collector.__file__ or frame.f_code.co_name == "__del__":
            return strike if "scanner" in frame.f_code.co_filename else None
        if event == "line":
            steps += 1
            if steps == number:
                raise Struck
        return strike

    with suppress(Struck), traced(strike):
        scan(Rows(Numbers()), int)
    collector._PAUSE._back = 0.0
    assert works()
    scan(Rows(Numbers()), int)
    assert works()


def test_the_pause_can_be_switched_off() -> None:
    """With `pause_collector(False)` a scan leaves the collector alone."""
    seen: list[bool] = []
    liteorm.pause_collector(False)
    try:
        scan(Rows(Numbers(lambda start: seen.append(works()))), int)
    finally:
        liteorm.pause_collector(True)
    assert seen == [True, True, True]
