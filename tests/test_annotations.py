"""Annotations of all that is exported can be resolved, wherever it says that it comes from."""

from __future__ import annotations

import inspect
import pickle
import typing

import pytest

import liteorm
from tests.rooms import is_within
from tests.test_house import EXPORTS, plain_function


@pytest.mark.parametrize("name", EXPORTS)
def test_annotations_of_exports_are_resolved(name: str) -> None:
    """typing.get_type_hints works on each class, each of its methods, and each function."""
    export = EXPORTS[name]
    found = [export]
    if inspect.isclass(export):
        for owner in export.__mro__:
            if is_within(owner.__module__, "liteorm") or is_within(
                owner.__module__, "liteorm_testing"
            ):
                found += [
                    function
                    for value in vars(owner).values()
                    if (function := plain_function(value))
                ]
    for one in found:
        if inspect.isclass(one) or inspect.isfunction(one):
            typing.get_type_hints(one)


def test_exports_say_where_users_import_them_from() -> None:
    """In a repr and a pickle, also of a class whose annotations were written elsewhere."""
    assert repr(liteorm.Range) == "<class 'liteorm.Range'>"
    hints = typing.get_type_hints(liteorm.Range)
    assert hints["lower_inc"] is bool
    assert b"_core" not in pickle.dumps(liteorm.Range(1, 2))
    assert pickle.loads(pickle.dumps(liteorm.Range(1, 2))) == liteorm.Range(1, 2)
