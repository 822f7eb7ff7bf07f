"""A scan plan as Python source, the way a person would have written it. Nothing runs here.

Each value stands on a line of its own: when one fails, the line number in the traceback says
which column it was, so the code that succeeds carries no bookkeeping.
"""

from __future__ import annotations

import keyword
from typing import Any

import attrs

from liteorm._core.models.model import Field, Model
from liteorm._core.scanning import steps
from liteorm._core.scanning.plan import Build, Leaf, Node, ScanPlan
from liteorm._core.scanning.steps import Place, Step

INDENT = "    "


@attrs.frozen
class Constant:
    """A name of the generated code and what it stands for, to be made by the compiler."""

    name: str
    value: Any


@attrs.frozen
class Construct:
    """The constructor of a class; `complete` if every field of it is given."""

    model: Model
    complete: bool


@attrs.frozen
class Source:
    """Generated code: its text, the constants it needs, and the place that each line fills."""

    text: str
    constants: tuple[Constant, ...]
    places: dict[int, Place]


def emit_scan(plan: ScanPlan) -> Source:
    """Write `build(rows)`, which makes a list of objects from an iterable of tuples."""
    writer = _Writer()
    names = writer.names_for(plan.columns)
    used = set(_columns(plan.root))
    head = [name if index in used else "_" for index, name in enumerate(names)]
    writer.line(0, "def build(rows):")
    writer.line(1, "return [")
    writer.node(2, plan.root, names, "")
    target = ", ".join(head) + ("," if len(head) == 1 else "")
    if head:
        writer.line(2, f"for ({target}) in rows" if len(head) == 1 else f"for {target} in rows")
    else:
        writer.line(2, "for _ in rows")
    writer.line(1, "]")
    return writer.source()


def emit_value(step: Step) -> Source:
    """Write `build(value)`, for one value that is not NULL."""
    writer = _Writer()
    writer.line(0, "def build(value):")
    writer.line(1, f"return {writer.expression(step, 'value')}")
    return writer.source()


def _columns(node: Node) -> list[int]:
    if isinstance(node, Leaf):
        return [node.column]
    if isinstance(node, Build):
        found = [i for _, inner in node.arguments for i in _columns(inner)]
    else:
        found = [i for _, inner in node.items for i in _columns(inner)]
    return found + list(node.absent or ())


_RESERVED = {"rows", "value", "build", "null", "items", "item", "type", "list"}


@attrs.define
class _Writer:
    lines: list[str] = attrs.field(factory=list[str])
    places: dict[int, Place] = attrs.field(factory=dict[int, Place])
    helpers: list[tuple[list[str], dict[int, Place]]] = attrs.field(
        factory=list[tuple[list[str], dict[int, Place]]]
    )
    constants: dict[str, Any] = attrs.field(factory=dict[str, Any])
    taken: set[str] = attrs.field(factory=set[str])

    def line(self, depth: int, text: str, place: Place | None = None) -> None:
        self.lines.append(INDENT * depth + text)
        if place is not None:
            self.places[len(self.lines)] = place

    def source(self) -> Source:
        """Put the helpers in front of the main function."""
        lines: list[str] = []
        places: dict[int, Place] = {}
        for helper, helper_places in [*self.helpers, (self.lines, self.places)]:
            if lines:
                lines += ["", ""]
            places |= {number + len(lines): place for number, place in helper_places.items()}
            lines += helper
        constants = tuple(Constant(name, value) for name, value in self.constants.items())
        return Source("\n".join(lines) + "\n", constants, places)

    def names_for(self, columns: tuple[str, ...]) -> list[str]:
        """Return a readable variable for each column."""
        names: list[str] = []
        for index, column in enumerate(columns):
            name = column.replace(".", "_")
            if (
                not name.isascii()
                or not name.isidentifier()
                or keyword.iskeyword(name)
                or name.startswith("_")
                or name in _RESERVED
                or name in names
            ):
                name = f"column{index}"
                while name in names or name in columns:
                    name += "_"
            names.append(name)
        self.taken |= set(names)
        return names

    def constant(self, wanted: str, value: Any) -> str:
        """Return the name under which a value enters the function's globals."""
        base = "_" + "".join(
            c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in wanted
        )
        name, number = base, 2
        while name in self.taken or (name in self.constants and self.constants[name] != value):
            name, number = f"{base}{number}", number + 1
        self.constants[name] = value
        return name

    def node(self, depth: int, node: Node, names: list[str], end: str) -> None:
        """Write one node, over as many lines as it has values."""
        if isinstance(node, Leaf):
            self.line(
                depth,
                self.guarded(node.step, names[node.column], nullable=node.nullable) + end,
                node.place,
            )
            return
        absent = self.absent(node.absent, names)
        if isinstance(node, Build):
            self.build(depth, node, names, absent, end)
            return
        opening, closing = ("{", "}") if node.kind == "dict" else ("(", ")")
        self.line(depth, absent + opening)
        for key, item in node.items:
            if node.kind == "dict":
                self.keyed(depth + 1, f"{key!r}: ", item, names)
            else:
                self.node(depth + 1, item, names, ",")
        self.line(depth, closing + end)

    def absent(self, columns: tuple[int, ...] | None, names: list[str]) -> str:
        """Return the test for an object which is not there, or nothing."""
        if not columns:
            return ""
        tests = " and ".join(f"{names[index]} is None" for index in dict.fromkeys(columns))
        return f"None if {tests} else "

    def build(self, depth: int, node: Build, names: list[str], absent: str, end: str) -> None:
        if node.model.kind == "typeddict":
            self.line(depth, absent + "{")
            for field, inner in node.arguments:
                self.keyed(depth + 1, f"{field.init_name!r}: ", inner, names)
            self.line(depth, "}" + end)
            return
        filled = [field for field, _ in node.arguments]
        self.line(depth, f"{absent}{self.constructor(node.model, filled)}(")
        values = {field.init_name: inner for field, inner in node.arguments}
        for field, keyword_ in arguments_of(node.model, filled):
            self.keyed(depth + 1, keyword_, values[field.init_name], names)
        self.line(depth, ")" + end)

    def constructor(self, model: Model, filled: list[Field]) -> str:
        complete = len(filled) == len(model.fields)
        return self.constant(model.cls.__name__, Construct(model, complete))

    def keyed(self, depth: int, key: str, node: Node, names: list[str]) -> None:
        start = len(self.lines)
        self.node(depth, node, names, _end(key))
        self.lines[start] = INDENT * depth + key + self.lines[start].lstrip()

    def guarded(self, step: Step | None, variable: str, *, nullable: bool) -> str:
        """Return the expression for a value that may be NULL, and whether it is allowed to be."""
        return self.checked(self.expression(step, variable), variable, nullable=nullable)

    def checked(self, expression: str, variable: str, *, nullable: bool) -> str:
        """Return an expression that is only reached by values which are not NULL."""
        if nullable:
            if expression == variable:
                return variable
            return f"None if {variable} is None else {expression}"
        return f"{expression} if {variable} is not None else null()"

    def expression(self, step: Step | None, variable: str) -> str:
        """Return the expression for a value that is not NULL."""
        match step:
            case None:
                return variable
            case steps.Members():
                return f"{self.constant(f'{step.shown}_of', step)}[{variable}]"
            case steps.Decode():
                text = f"{variable}[1:]" if step.versioned else variable
                return f"{self.constant('decode', step)}({text})"
            case steps.Use():
                inner = self.expression(step.first, variable)
                return f"{self.constant('codec_decode', step)}({inner})"
            case steps.Only() | steps.Anonymous() | steps.NoNulls():
                return f"{self.constant(_word(step), step)}({variable})"
            case steps.Call():
                return f"{self.constant(step.name, step)}({variable})"
            case steps.Each():
                return f"{self.each(step)}({variable})"
            case steps.Bounds():
                return f"{self.bounds(step)}({variable})"
            case steps.Positions():
                return f"{self.positions(step)}({variable})"
            case steps.Attributes():
                return f"{self.attributes(step)}({variable})"
            case steps.Named():
                return f"{self.named(step)}({variable})"

    def helper(self, wanted: str) -> tuple[str, _Writer]:
        """Return the name of a new function, and a writer for its lines."""
        base = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in wanted)
        name, number = f"_{base}", 2
        while name in self.constants or name in self.taken:
            name, number = f"_{base}{number}", number + 1
        self.taken.add(name)
        return name, _Writer(helpers=self.helpers, constants=self.constants, taken=self.taken)

    def finish(self, inner: _Writer) -> None:
        self.helpers.append((inner.lines, inner.places))

    def each(self, step: steps.Each) -> str:
        name, inner = self.helper(f"{step.place.column}_items")
        item = step.item
        inner.line(0, f"def {name}(value):")
        if step.flat:
            inner.line(1, "if value and type(value[0]) is list:")
            inner.line(2, "too_deep()", step.place)
        elif isinstance(item.step, steps.Each):
            inner.line(1, "if value and type(value[0]) is not list:")
            inner.line(2, "too_flat()", step.place)
        container = step.container.__name__
        expression = inner.expression(item.step, "item")
        if expression == "item":
            if not item.place.nullable:
                inner.line(1, "if None in value:")
                inner.line(2, "null()", item.place)
            inner.line(1, "return value" if container == "list" else f"return {container}(value)")
        else:
            guarded = inner.checked(expression, "item", nullable=item.place.nullable)
            opening, closing = {"list": ("[", "]"), "set": ("{", "}")}.get(
                container, (f"{container}([", "])")
            )
            inner.line(1, f"return {opening}")
            inner.line(2, guarded, item.place)
            inner.line(2, "for item in value")
            inner.line(1, closing)
        self.finish(inner)
        return name

    def parts(self, inner: _Writer, items: Any) -> None:
        for key, variable, part in items:
            inner.line(
                2,
                key + inner.guarded(part.step, variable, nullable=part.place.nullable) + _end(key),
                part.place,
            )

    def bounds(self, step: steps.Bounds) -> str:
        place = step.bound.place
        name, inner = self.helper(f"{place.column}_bounds")
        inner.line(0, f"def {name}(value):")
        inner.line(1, "lower, upper = value.lower, value.upper")
        inner.line(1, "return with_bounds(")
        inner.line(2, "value,")
        for variable in ("lower", "upper"):
            # None is no bound at all, and no NULL.
            made = inner.expression(step.bound.step, variable)
            inner.line(2, inner.checked(made, variable, nullable=True) + ",", place)
        inner.line(1, ")")
        self.finish(inner)
        if not step.several:
            return name
        whole, each = self.helper(f"{place.column}_ranges")
        each.line(0, f"def {whole}(value):")
        each.line(1, f"return ranges_of({name}(item) for item in value)")
        self.finish(each)
        return whole

    def positions(self, step: steps.Positions) -> str:
        name, inner = self.helper(f"{step.place.column}_values")
        variables = [f"item{index}" for index in range(len(step.items))]
        inner.line(0, f"def {name}(value):")
        if step.exact:
            inner.line(
                1, f"if len(value) != {len(variables)} or (value and type(value[0]) is list):"
            )
            inner.line(2, "wrong_length()", step.place)
        inner.line(1, _unpack(variables))
        inner.line(1, "return (")
        self.parts(inner, [("", v, p) for v, p in zip(variables, step.items, strict=True)])
        inner.line(1, ")")
        self.finish(inner)
        return name

    def named(self, step: steps.Named) -> str:
        name, inner = self.helper(f"{step.place.column}_values")
        variables = [f"item{index}" for index in range(len(step.items))]
        inner.line(0, f"def {name}(value):")
        inner.line(1, _unpack(variables))
        inner.line(1, "return {")
        pairs = zip(variables, step.items, strict=True)
        self.parts(inner, [(f"{key!r}: ", v, part) for v, (key, part) in pairs])
        inner.line(1, "}")
        self.finish(inner)
        return name

    def attributes(self, step: steps.Attributes) -> str:
        model = step.model
        name, inner = self.helper(f"{step.place.column}_{model.cls.__name__}")
        variables = ["_"] * step.count
        chosen = inner.names_for(tuple(field.column for field, _, _ in step.items))
        for variable, (_, index, _) in zip(chosen, step.items, strict=True):
            variables[index] = variable
        inner.line(0, f"def {name}(value):")
        inner.line(1, _unpack(variables))
        if step.absent:
            tests = " and ".join(f"{variables[index]} is None" for index in step.absent)
            inner.line(1, f"if {tests}:")
            inner.line(2, "return None")
        filled = [field for field, _, _ in step.items]
        typed = model.kind == "typeddict"
        inner.line(1, "return {" if typed else f"return {inner.constructor(model, filled)}(")
        keys = (
            [(field, f"{field.init_name!r}: ") for field in filled]
            if typed
            else arguments_of(model, filled)
        )
        items = {field.init_name: (variables[i], part) for field, i, part in step.items}
        self.parts(inner, [(key, *items[field.init_name]) for field, key in keys])
        inner.line(1, "}" if typed else ")")
        self.finish(inner)
        return name


def arguments_of(model: Model, filled: list[Field]) -> list[tuple[Field, str]]:
    """Return a constructor's arguments in the order that Python takes: each with its keyword.

    By position goes what has nothing before it that is left out; keywords come after, wherever
    a keyword-only field stands in the class.
    """
    given: list[tuple[Field, str]] = []
    named: list[tuple[Field, str]] = []
    gap = False
    for field in model.fields:
        if field in filled and not field.kw_only and not gap:
            given.append((field, ""))
        elif field in filled:
            named.append((field, _keyword(field.init_name)))
        gap = gap or (field not in filled and not field.kw_only)
    return given + named


def _keyword(name: str) -> str:
    """Return the beginning of an argument by keyword, also of one that is no identifier."""
    if name.isidentifier() and not keyword.iskeyword(name):
        return f"{name}="
    return f"**{{{name!r}: "


def _end(key: str) -> str:
    return "}," if key.startswith("**{") else ","


def _unpack(variables: list[str]) -> str:
    if not variables:
        return "pass"
    return f"{', '.join(variables)}{',' if len(variables) == 1 else ''} = value"


def _word(step: Step) -> str:
    if isinstance(step, steps.Only):
        return "_or_".join(cls.__name__ for cls in step.classes)
    return "record" if isinstance(step, steps.Anonymous) else "no_nulls"


__all__ = ["Constant", "Construct", "Source", "emit_scan", "emit_value"]
