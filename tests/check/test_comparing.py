"""What is known of a value as a constant, a few constants or a range says nothing false of it."""

from __future__ import annotations

import operator
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from liteorm.postgres._describing.nulls.comparing import among, compared, meet

VALUES: Final[dict[str, list[Any]]] = {"int": [-1, 0, 1, 2, 3], "text": [b"", b"x", b"X", b"y"]}
RULES: Final[dict[str, Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def known(kind: str) -> st.SearchStrategy[Any]:
    """Return what may be known of a value of a kind."""
    one = st.sampled_from([(kind, value) for value in VALUES[kind]])
    few = st.frozensets(one, min_size=1, max_size=3)
    kinds = [one, few.map(lambda them: ("except", them)), few.map(lambda them: among(list(them)))]
    if kind == "int":
        end = st.none() | st.sampled_from(VALUES[kind])
        kinds.append(st.tuples(st.just("range"), end, st.booleans(), end, st.booleans()))
    return st.one_of(kinds)


def may_be(const: Any, value: Any) -> bool:
    """Return whether a value is one of those that are meant."""
    if const[0] in ("among", "except"):
        return (value in [one[1] for one in const[1]]) == (const[0] == "among")
    if const[0] != "range":
        return bool(const[1] == value)
    _, least, with_least, most, with_most = const
    above = least is None or value > least or (with_least and value == least)
    return above and (most is None or value < most or (with_most and value == most))


@given(
    st.sampled_from(["int", "text"]).flatmap(lambda k: st.tuples(st.just(k), known(k), known(k)))
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_comparison_comes_out_so_for_all_values(case: tuple[str, Any, Any]) -> None:
    """What is said of a comparison holds for each value that both sides may have."""
    kind, one, two = case
    names = RULES if kind == "int" else {name: RULES[name] for name in ("=", "<>")}
    for name, rule in names.items():
        said = compared(name, one, two, exact=True)
        found = {
            bool(rule(a, b))
            for a in VALUES[kind]
            for b in VALUES[kind]
            if may_be(one, a) and may_be(two, b)
        }
        assert said is None or found <= {said}, (name, one, two)


@given(known("text"), known("text"))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_texts_that_are_taken_for_equal_are_not_said_to_differ(one: Any, two: Any) -> None:
    """Where other bytes may be equal too, as by a collation, that two differ is never said."""
    assert compared("=", one, two, exact=False) is not False
    assert compared("<>", one, two, exact=False) is not True


@given(
    st.sampled_from(["int", "text"]).flatmap(lambda k: st.tuples(st.just(k), known(k), known(k)))
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_what_two_conditions_tell_holds_where_both_do(case: tuple[str, Any, Any]) -> None:
    """A value of which both are known is one of those that both together mean."""
    kind, one, two = case
    both = meet(one, two)
    for value in VALUES[kind]:
        assert may_be(both, value) or not (may_be(one, value) and may_be(two, value))
