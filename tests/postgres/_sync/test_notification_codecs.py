# Generated from tests/postgres/_async/test_notification_codecs.py by .ci/unasync.py: edit that file, not this one.
"""A pool's codecs act in notifications as they do in JSON elsewhere."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

import liteorm
from liteorm.postgres import listen, notify, open



@attrs.frozen
class Money:
    """An amount, which is stored as its cents."""

    cents: int


class Cents:
    """Stores money as a number."""

    def decode(self, value: Any) -> Money:
        """Read it."""
        return Money(value)

    def encode(self, value: Money) -> int:
        """Write it."""
        return value.cents


@attrs.frozen
class Paid:
    """What is told."""

    what: str
    price: Money


def test_both_ways(liteorm_database: Any) -> None:
    """Sent by the codec, read by it; a notification stays the value that it is."""
    with (
        open(liteorm_database.dsn, codecs={Money: Cents()}) as db,
        listen(db, "paid") as listener,
    ):
        notify(db, "paid", Paid("tea", Money(350)))
        notify(db, "paid", [Money(1), Money(2)])
        came = listener.receive(timeout=10)
        assert came.payload == '{"what":"tea","price":350}'
        assert came.load(Paid) == Paid("tea", Money(350))
        assert (listener.receive(timeout=10)).load(list[Money]) == [Money(1), Money(2)]
        assert came == liteorm.Notification(came.channel, came.payload, came.pid)
        assert hash(came) == hash(liteorm.Notification(came.channel, came.payload, came.pid))
        assert pickle.loads(pickle.dumps(came)) == copy.copy(came) == came
        assert set(attrs.asdict(came)) == {"channel", "payload", "pid"}
        with pytest.raises(liteorm.ScanError):
            came.load(list[int])
