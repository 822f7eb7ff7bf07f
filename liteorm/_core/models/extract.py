"""Objects → rows: the generated code that reads the attributes of one and checks their classes."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import attrs
from msgspec import UNSET

from liteorm._core.generated import compiled
from liteorm._core.models.model import Field, Model

Encode: TypeAlias = Callable[[Iterable[Any], Callable[..., None], Any, Any], None]


@attrs.frozen
class Extraction:
    """One column of a row as the generated code sees it.

    Args:
        field: The field the value comes from.
        fast: The class whose values go as they are.
        unless: A condition over `{v}` under which they do not.
        ready: What turns any other value into what is sent.
        strict: What packs the values raises for one that it cannot take, so that those of an
            expected class need not be looked at before.
        required: None is none of the field's values: the generated code raises.
    """

    field: Field
    fast: type | None
    unless: str
    ready: Callable[[Any], Any]
    strict: bool = False
    required: bool = False


def extractor(
    model: Model, parts: Sequence[Extraction], *, trusting: bool, left_out: Sequence[Field] = ()
) -> Encode:
    """Return a function that takes objects apart and packs their rows.

    The function is called as `encode(objects, pack, state, buffer)` and calls
    `pack((value, …), state, buffer)` once for each object.

    Args:
        model: The model of the objects.
        parts: The columns, in the order in which they are sent.
        trusting: Values of strict parts are passed on unseen; whatever `pack` then raises may
            mean no more than that a value needed a look.
        left_out: Fields that must be UNSET; else it raises.
    """
    scope: dict[str, Any] = {}
    lines = ["def encode(objects, pack, state, buffer):", "    for obj in objects:"]
    if model.cls is dict:
        lines += [f"        if len(obj) != {len(model.fields)}:", "            raise KeyError"]
    _unset_lines(model, left_out, scope, lines, "        ")
    names = _value_lines(model, parts, scope, lines, "        ", trusting)
    lines.append(f"        pack(({', '.join(names)},), state, buffer)")
    encode: Encode
    encode, _ = compiled("\n".join(lines) + "\n", scope, "encode", f"insert {model.name}")
    return encode


def parameters(
    model: Model, parts: Sequence[Extraction], left_out: Sequence[Field] = ()
) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gives the parameters of one object."""
    scope: dict[str, Any] = {}
    lines = ["def parameters(obj):"]
    _unset_lines(model, left_out, scope, lines, "    ")
    names = _value_lines(model, parts, scope, lines, "    ", trusting=False)
    lines.append(f"    return ({', '.join(names)}{',' if names else ''})")
    take: Callable[[Any], tuple[Any, ...]]
    take, _ = compiled("\n".join(lines) + "\n", scope, "parameters", f"parameters {model.name}")
    return take


def _unset_lines(
    model: Model, left_out: Sequence[Field], scope: dict[str, Any], lines: list[str], indent: str
) -> None:
    """Write the lines that raise for an object which has a value that the first one has not."""
    for place, field in enumerate(left_out):
        scope |= {f"left_out_{place}": field.name, "UNSET": UNSET}
        read = f"obj[left_out_{place}]"
        if model.kind != "typeddict":
            read = f"getattr(obj, left_out_{place})"
        lines += [f"{indent}if {read} is not UNSET:", f"{indent}    raise KeyError"]


def _value_lines(
    model: Model,
    parts: Sequence[Extraction],
    scope: dict[str, Any],
    lines: list[str],
    indent: str,
    trusting: bool,
) -> list[str]:
    """Write the lines that read and check each value; return the expressions of what to send."""
    names: list[str] = []
    for place, part in enumerate(parts):
        name = part.field.name
        usable = name.isascii() and name.isidentifier() and not keyword.iskeyword(name)
        value = f"value_{name}" if usable else f"value_{place}"
        if model.kind == "typeddict":
            scope[f"key_{place}"] = name
            read = f"obj[key_{place}]"
        elif usable:
            read = f"obj.{name}"
        else:
            # A name that the compiler would normalise to another one.
            scope[f"key_{place}"] = name
            read = f"getattr(obj, key_{place})"
        unseen = trusting and part.strict and part.field.encode is None
        if unseen and not part.required:
            names.append(read)
            continue
        names.append(value)
        lines.append(f"{indent}{value} = {read}")
        refused = [f"if {value} is None:", "    raise KeyError"] if part.required else []
        if unseen:
            lines += [f"{indent}{line}" for line in refused]
            continue
        scope[f"ready_{place}"] = part.ready
        if part.field.encode is not None:
            scope[f"codec_{place}"] = part.field.encode
            lines.append(f"{indent}if {value} is not None:")
            lines.append(f"{indent}    {value} = codec_{place}({value})")
        tests = [] if part.required else [f"{value} is not None"]
        if part.fast is not None:
            scope[f"class_{place}"] = part.fast
            slow = f"type({value}) is not class_{place}"
            if part.unless:
                slow = f"({slow} or {part.unless.format(v=value)})"
            tests.insert(0, slow)
        inside = indent
        if tests:
            lines.append(f"{indent}if {' and '.join(tests)}:")
            inside += "    "
        lines += [f"{inside}{line}" for line in refused]
        lines.append(f"{inside}{value} = ready_{place}({value})")
    return names
