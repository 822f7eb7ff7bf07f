"""The kinds of classes that models are written as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import attrs

WIDTH = 88

StyleName = Literal["attrs", "dataclass", "pydantic", "struct"]


@attrs.frozen
class Style:
    """How a class begins, and which names its fields must not have.

    Args:
        module: What is imported for it.
        decorator: The decorator; `{}` stands for what makes it frozen.
        base: The base class with its keywords, likewise.
        config: A line below the docstring, likewise.
        frozen: What makes a class frozen.
        reserved: Names of fields that mean something else there.
    """

    module: str
    decorator: str = ""
    base: str = ""
    config: str = ""
    frozen: str = ""
    reserved: frozenset[str] = frozenset()

    def begin(self, name: str, *, frozen: bool) -> Iterator[str]:
        """Yield the lines above a class's docstring."""
        word = self.frozen if frozen else ""
        if self.decorator:
            yield f"@{self.decorator.format(word)}"
        yield f"class {name}({self.base.format(word)}):" if self.base else f"class {name}:"

    def below_docstring(self, fields: Sequence[str], *, frozen: bool) -> Iterator[str]:
        """Yield the lines below it, for the lines of the fields."""
        if not self.config:
            return
        options = [self.frozen] if frozen else []
        if any("liteorm." in line for line in fields):
            options.append("arbitrary_types_allowed=True")
        if any(line.startswith("    model_") for line in fields):
            options.append("protected_namespaces=()")
        if options:
            line = f"    {self.config.format(', '.join(options))}"
            yield ""
            if len(line) <= WIDTH:
                yield line
            else:
                yield f"    {self.config.format('')[:-1]}"
                yield f"        {', '.join(options)}"
                yield "    )"


class _Attrs(Style):
    def begin(self, name: str, *, frozen: bool) -> Iterator[str]:
        yield f"@attrs.{'frozen' if frozen else 'define'}(kw_only=True)"
        yield f"class {name}:"


STYLES: dict[StyleName, Style] = {
    "attrs": _Attrs("attrs"),
    "dataclass": Style(
        "dataclasses", decorator="dataclasses.dataclass({}kw_only=True)", frozen="frozen=True, "
    ),
    "pydantic": Style(
        "pydantic",
        base="pydantic.BaseModel",
        config="model_config = pydantic.ConfigDict({})",
        frozen="frozen=True",
        reserved=frozenset(
            {
                *("construct", "copy", "dict", "fields", "from_orm", "json", "parse_file"),
                *("parse_obj", "parse_raw", "schema", "schema_json", "update_forward_refs"),
                *("validate", "model_config", "model_fields", "model_computed_fields"),
                *("mro", "register"),
                *("model_extra", "model_fields_set", "model_construct", "model_copy"),
                *("model_dump", "model_dump_json", "model_json_schema", "model_post_init"),
                *("model_rebuild", "model_validate", "model_validate_json"),
                *("model_validate_strings", "model_parametrized_name"),
            }
        ),
    ),
    "struct": Style("msgspec", base="msgspec.Struct, {}kw_only=True", frozen="frozen=True, "),
}
