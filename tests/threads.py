"""Threads that do the same things at once, as often switched as can be, and traces of one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def at_once(*actions: Callable[[], Any]) -> None:
    """Run each in a thread of its own, begun together; raise what the first of them raised."""
    meeting = threading.Barrier(len(actions))
    raised: list[BaseException] = []

    def run(action: Callable[[], Any]) -> None:
        try:
            meeting.wait(60)
            action()
        except BaseException as error:
            raised.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive()
    finally:
        sys.setswitchinterval(before)
    if raised:
        raise raised[0]


@contextmanager
def line_by_line(*functions: Any) -> Iterator[None]:
    """Let threads that are begun meanwhile rest before each line of these functions.

    So others come in between, wherever they can, also where a GIL seldom lets them.
    """
    codes = {function.__code__ for function in functions}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code not in codes:
            return None
        if event == "line":
            time.sleep(0.0005)
        return trace

    threading.settrace(trace)
    try:
        yield
    finally:
        threading.settrace(None)


@contextmanager
def traced(trace: Callable[[FrameType, str, Any], Any]) -> Iterator[None]:
    """Let the interpreter call a function for each call and line of this thread."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
