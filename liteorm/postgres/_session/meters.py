"""What observers that watch pools are told of its connections."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

import attrs

from liteorm.observe import logger

__all__ = ["Meters"]

Measured: TypeAlias = Literal["create", "wait", "use", "timeout"]
Tell: TypeAlias = Callable[[str, float], object]


@attrs.define(eq=False)
class Meters:
    """Hands on how long connections took to be made, to be had, and were in use."""

    _tells: list[Tell] = attrs.field(factory=list[Tell], init=False)
    _watched: bool = attrs.field(default=False, init=False)
    _measured: deque[tuple[Measured, float]] = attrs.field(
        factory=deque[tuple[Measured, float]], init=False
    )
    """What was not handed on yet: while the pool opens there is nothing to be watched."""

    def watch(self, observers: Iterable[Any], name: str, stats: Callable[[], Any]) -> bool:
        """Let observers know of a pool; say whether one of them wants to be told more."""
        for observer in observers:
            watch = getattr(observer, "watch_pool", None)
            if watch is not None and (tell := watch(name, stats)) is not None:
                self._tells.append(tell)
        self._watched = True
        self._hand_on()
        return bool(self._tells)

    def tell(self, what: Measured, seconds: float) -> None:
        """Hand it on; what an observer raises is logged and otherwise ignored."""
        # Noted before looking whether the pool is watched, so that one of two threads sees it.
        self._measured.append((what, seconds))
        if self._watched:
            self._hand_on()

    def _hand_on(self) -> None:
        while True:
            try:
                what, seconds = self._measured.popleft()
            except IndexError:
                return
            for tell in self._tells:
                try:
                    tell(what, seconds)
                except Exception:
                    logger.exception("an observer failed at what it was told of a pool")
