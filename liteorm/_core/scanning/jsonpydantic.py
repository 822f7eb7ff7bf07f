"""JSON into Pydantic's models, which build themselves."""

from __future__ import annotations

import sys
import types
import typing
from typing import Any

from liteorm._core.models.annotations import is_pydantic


class JsonMisfit(ValueError):
    """JSON that does not become the type asked for, in words without the value."""


def is_union_of_models(annotation: Any) -> bool:
    """Tell whether an annotation is a union of Pydantic models, with a discriminator or without."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return False
    members = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
    return len(members) > 1 and all(is_pydantic(each) for each in members)


def adapter(annotation: Any) -> Any:
    """Return Pydantic's own reader of an annotation."""
    # There are models, so it is loaded: it is never imported by us.
    return sys.modules["pydantic"].TypeAdapter(annotation)


def validated(model: Any, value: Any) -> Any:
    """Build a Pydantic model from JSON that msgspec has taken apart.

    By its own rules for JSON, which are others than those for Python values: in JSON a date is
    a string.

    Args:
        model: The model, or an adapter of a union of them.
        value: The JSON as dicts, lists and scalars.
    """
    import msgspec

    text = msgspec.json.encode(value)
    single = is_pydantic(model)
    try:
        return model.model_validate_json(text) if single else model.validate_json(text)
    except ValueError as error:
        found: Any = error
        if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):
            raise
        first = found.errors(include_url=False, include_input=False)[0]
        # the name of a field that the model has not is of the JSON
        places = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
        inside = "".join(f"[{part}]" if type(part) is int else f".{part}" for part in places)
        name = model.__name__ if single else "the union"
        sentence = first["msg"]
        if first["type"] == "union_tag_invalid":
            # Pydantic's own sentence quotes what the JSON holds
            context = first["ctx"]
            sentence = f"{context['discriminator']} is none of {context['expected_tags']}"
        misfit = JsonMisfit(sentence + (f" in {name}{inside}" if inside else ""))
    # outside, so that Pydantic's error, which quotes the JSON, does not go along as its context
    raise misfit
