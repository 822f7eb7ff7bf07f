"""What is found in modules: each statement, table and constraint name once, where it is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteorm._check import collect, custom_types

FILES = {
    "pkg/__init__.py": "",
    "pkg/making.py": """
from liteorm import statement

def finder(table):
    return statement(int, f"SELECT id FROM {table}")

def declared(model):
    def decorate(function):
        made = statement(model, "SELECT 1")
        return made
    return decorate

own = finder("own")
""",
    "pkg/users.py": """
from liteorm import statement, UniqueViolation
from pkg.making import finder, own, declared

class Taken(UniqueViolation):
    pass

ERRORS = {"users_key": Taken, "other_key": Taken}
by_id = finder("users")
if True:
    late = finder("late")

class Queries:
    inner = finder("inner")
    direct = statement(int, "SELECT 2")

many = {"a": finder("a"), "b": statement(int, "SELECT 3")}
statement(int, "SELECT 'lost'")

@declared(int)
def decorated():
    pass

class Outer:
    class Inner:
        deep = statement(int, "SELECT 4")
    @staticmethod
    @declared(int)
    def static():
        pass

table = {"named": statement(int, "SELECT 5")}
named = table["named"]
""",
    "pkg/views.py": """
from pkg.users import ERRORS, by_id, Queries, many
again = by_id
""",
}


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a module of helpers."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "pkg"]:
        del sys.modules[name]


EXPECTED = {
    ("pkg.making", "own", 13),
    ("pkg.users", "by_id", 9),
    ("pkg.users", "late", 11),
    ("pkg.users", "Queries.inner", 14),
    ("pkg.users", "Queries.direct", 15),
    ("pkg.users", "many['a']", 17),
    ("pkg.users", "many['b']", 17),
    ("pkg.users", "decorated", 20),
    ("pkg.users", "Outer.Inner.deep", 26),
    ("pkg.users", "Outer.static", 27),
    ("pkg.users", "named", 32),
    ("pkg.users", "users_key", 8),
    ("pkg.users", "other_key", 8),
}


def test_statements_of_helpers_belong_to_their_names() -> None:
    """One that a helper made is found where it is bound; what is imported counts once."""
    found = [(subject.module, subject.name, subject.line) for subject in collect(["pkg"])]
    assert len(found) == len(set(found))
    assert set(found) == EXPECTED


def test_a_module_alone_has_what_it_binds() -> None:
    """The helper's module need not be checked for its statements to be."""
    found = {(subject.module, subject.name, subject.line) for subject in collect(["pkg.users"])}
    assert found == {item for item in EXPECTED if item[0] == "pkg.users"}


def test_importing_is_not_declaring() -> None:
    """A module with nothing but imports has nothing to check of its own."""
    names = [subject.name for subject in collect(["pkg.making"])]
    assert names == ["own"]


HELD = """
import dataclasses, functools, types
import attrs
from liteorm import statement

def make(name):
    return statement(int, f"SELECT 1 AS {name}")

def several():
    yield statement(int, "SELECT 1 AS first")
    yield statement(int, "SELECT 2 AS second")

first, second = several()
deep = {"a": {"b": [make("deep")]}}
both = {make("y"), make("x")}

class Repository:
    listed = [make("listed")]

@dataclasses.dataclass
class Data:
    query: object = dataclasses.field(default=make("data"))

@attrs.define
class Slotted:
    query: object = make("slotted")

made = Slotted(make("made"))
bound = make("bound").all
partial = functools.partial(make("partial").one, None)
space = types.SimpleNamespace(query=make("space"))

def default(query=make("default"), *, other=make("other")):
    return query

def closed():
    query = make("closed")
    return lambda: query

closure = closed()
with open(__file__):
    opened = make("opened")
try:
    raise ValueError
except ValueError:
    handled = make("handled")
match 1:
    case 1:
        matched = make("matched")
if (walrus := make("walrus")):
    pass
for n in range(1):
    globals()[f"looped{n}"] = make("looped")
"""


def test_statements_are_named_by_what_holds_them(tmp_path: Path) -> None:
    """Wherever a module keeps one that a helper made, it is found once, in the line of its name."""
    (tmp_path / "pkg" / "held.py").write_text(HELD)
    lines = HELD.splitlines()
    found = {subject.name: subject for subject in collect(["pkg.held"])}
    names = {
        *("first", "second", "deep['a']['b'][0]", "both{0}", "both{1}", "Repository.listed[0]"),
        *("Data.query", "Slotted.query", "made.query", "bound", "partial", "space.query"),
        *("default(query)", "default(other)", "closure(query)", "opened", "handled", "matched"),
        *("walrus", "looped0"),
    }
    assert set(found) == names
    for name, subject in found.items():
        alias = subject.item.sql.split()[-1]
        assert name == "looped0" or alias in lines[subject.line - 1], name
    assert len({subject.item.sql for subject in found.values()}) == len(names)


HOLDING = """
import collections, dataclasses, enum, functools, types
import attrs
from pkg.lib import ByAttrs, Dictionary, Repository, Slots, wrapping
from pkg.lib import make

ordered = collections.OrderedDict(a=make("ordered"))
default = collections.defaultdict(list, {"a": make("default")})
proxy = types.MappingProxyType({"a": make("proxy")})
named = collections.namedtuple("named", "a b")(make("named"), 1)
deque = collections.deque([make("deque")])
chain = collections.ChainMap({"a": make("chain")})
user = collections.UserDict({"a": make("user")})
userlist = collections.UserList([make("userlist")])
dictionary = Dictionary(a=make("dictionary"))
repository = Repository("repository")
by_attrs = ByAttrs(make("by_attrs"))
slots = Slots(make("slots"))
space = types.SimpleNamespace(a=make("space"))
deep = [{"a": [{"b": ({"c": [make("deep")]},)}]}]
keyword = functools.partial(print, make("positional"), query=make("keyword"))
static = functools.partialmethod(make("partial").one, None)

class Query(enum.Enum):
    MEMBER = make("member")

class Page:
    @functools.cached_property
    def lazy(self, query=make("cached")):
        return query

    @property
    def shown(self, query=make("shown")):
        return query

    page = Repository("page")

def function(): ...
function.query = make("attribute")

@wrapping(make("wrapped"))
def wrapped(): ...

@functools.lru_cache
def remembered(query=make("remembered")): ...

circle = [make("circle")]
circle.append(circle)
Page.circle = Page
"""

LIB = """
import functools
import attrs
from liteorm import statement

def make(name):
    return statement(int, f"SELECT 1 AS {name}")

class Dictionary(dict): ...

class Repository:
    def __init__(self, name):
        self.query = make(name)

@attrs.define(slots=False)
class ByAttrs:
    query: object

@attrs.frozen
class Slots:
    query: object

def wrapping(query):
    def wrap(function):
        @functools.wraps(function)
        def wrapped():
            return query
        return wrapped
    return wrap
"""


def test_no_holder_hides_a_statement(tmp_path: Path) -> None:
    """Whichever container, object or function keeps what another module's helper made."""
    (tmp_path / "pkg" / "holding.py").write_text(HOLDING)
    (tmp_path / "pkg" / "lib.py").write_text(LIB)
    found = {subject.name: subject for subject in collect(["pkg.holding"])}
    assert set(found) == {
        *("ordered['a']", "default['a']", "proxy['a']", "named[0]", "deque[0]"),
        *("chain['a']", "user['a']", "userlist[0]", "dictionary['a']", "repository.query"),
        *("by_attrs.query", "slots.query", "space.a", "deep[0]['a'][0]['b'][0]['c'][0]"),
        *("keyword(0)", "keyword(query)", "static", "Query.MEMBER"),
        *("Page.lazy(query)", "Page.shown(query)", "Page.page.query", "function.query"),
        *("wrapped(query)", "remembered(query)", "circle[0]"),
    }
    lines = HOLDING.splitlines()
    for name, subject in found.items():
        alias = subject.item.sql.split()[-1]
        assert alias in "".join(lines[subject.line - 1 : subject.line + 1]), (
            name
        )  # or a decorator's


def test_objects_that_lead_to_each_other_are_looked_into_once(tmp_path: Path) -> None:
    """A web of objects takes no longer than its size."""
    (tmp_path / "pkg" / "web.py").write_text(
        "import liteorm\n\n"
        "class Node:\n    def __init__(self): self.all = nodes\n\n"
        "nodes = []\n"
        "nodes += [Node() for _ in range(300)]\n"
        "for number, node in enumerate(nodes):\n"
        "    vars(node).update({f'to_{n}': each for n, each in enumerate(nodes)})\n"
        "del number, node\n"
        "nodes[-1].query = liteorm.statement(int, 'SELECT 1')\n"
    )
    [subject] = collect(["pkg.web"])
    assert subject.name == "nodes[299].query"


HOSTILE = """
import collections
import unittest.mock
import liteorm

class Lazy:
    @property
    def __class__(self):
        raise RuntimeError("not yet")
    def __getattr__(self, name):
        raise RuntimeError("not yet")
    def __eq__(self, other):
        raise RuntimeError("not yet")
    __hash__ = None

class Items(dict):
    def items(self):
        raise RuntimeError("not yet")
    __iter__ = __len__ = __getitem__ = items

class Listed(list):
    def __iter__(self):
        raise RuntimeError("not yet")
    __len__ = __getitem__ = __iter__

class Shown:
    def __repr__(self):
        raise RuntimeError("not yet")

class Slots:
    __slots__ = ("there", "missing")

lazy = Lazy()
within = {"lazy": Lazy(), Shown(): [Lazy()], "listed": [Lazy(), (Lazy(),)]}
items = Items(a=liteorm.statement(int, "SELECT 1 AS items"))
listed = Listed([liteorm.statement(int, "SELECT 1 AS listed")])
mock = unittest.mock.MagicMock()
slots = Slots()
slots.there = Lazy()

class Holder:
    lazy = Lazy()
    __members__ = Lazy()

holder = Holder()
holder.lazy = Lazy()
def default(lazy=Lazy()): ...
shown = {Shown(): liteorm.statement(int, "SELECT 1 AS shown")}
plain = liteorm.statement(int, "SELECT 1 AS plain")
"""


def test_a_name_of_its_own_counts_more_than_what_holds_it(tmp_path: Path) -> None:
    """Whichever comes first, and whoever made it."""
    (tmp_path / "pkg" / "lib.py").write_text(LIB)
    (tmp_path / "pkg" / "twice.py").write_text(
        "from liteorm import statement\nfrom pkg.lib import make\n"
        "held = {'a': make('x'), 'b': statement(int, 'SELECT 2')}\n"
        "after = held['a']\nown_after = held['b']\n"
        "before = make('y')\nown_before = statement(int, 'SELECT 3')\n"
        "holding = [before, own_before]\n"
    )
    names = {subject.name for subject in collect(["pkg.twice"])}
    assert names == {"after", "own_after", "before", "own_before"}


def test_objects_that_must_not_be_touched_are_not(tmp_path: Path) -> None:
    """Proxies that are not bound yet, and whatever else raises when it is looked at."""
    (tmp_path / "pkg" / "hostile.py").write_text(HOSTILE)
    names = {subject.name for subject in collect(["pkg.hostile"])}
    assert names == {"items['a']", "listed[0]", "shown[<Shown>]", "plain"}
    assert custom_types(["pkg.hostile"]) == []
