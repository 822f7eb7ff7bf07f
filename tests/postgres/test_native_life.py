"""The compiled executor keeps nothing, and lives with threads, forks and other interpreters."""

from __future__ import annotations

import contextlib
import gc
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from liteorm import DataError, Rows, ScanError, scan
from tests.postgres.made import made_rows

native = pytest.importorskip("liteorm_native", reason="liteorm-native is not built here")


@attrs.define
class Child:
    c0: int
    c1: str


@attrs.frozen
class Row:
    c0: int
    c1: str
    c2: list[int] | None
    c3: Decimal | None
    c4: Child | None
    c5: dict[str, int] | None
    c6: list[Child]


OIDS = (20, 25, 1007, 1700, 2249, 3802, 2287)
RECORD = struct.pack("!iIiiIi3s", 2, 23, 4, 700, 25, 3, b"abc")
GOOD: tuple[bytes | None, ...] = (
    struct.pack("!q", 7_000_000),
    b"some text",
    struct.pack("!iiIiiiiii", 1, 1, 23, 2, 1, 4, 700, 4, 8),
    struct.pack("!hhHHHH", 2, 0, 0, 2, 1000, 5000),
    RECORD,
    b'\1{"a": 1000}',
    struct.pack("!iiIiii", 1, 0, 2249, 1, 1, len(RECORD)) + RECORD,
)
FEW: tuple[bytes | None, ...] = (GOOD[0], b"", None, None, None, None, GOOD[6])
BAD: tuple[bytes | None, ...] = (*GOOD[:6], GOOD[6] and GOOD[6][:-1])


def some_rows(count: int, *, bad: bool = False) -> Rows:
    """Return rows of everything, the last of which may be cut off."""
    cells = [GOOD if n % 2 else FEW for n in range(count - 1)]
    return made_rows(OIDS, [*cells, BAD if bad else GOOD])


def run(rows: Rows, times: int) -> None:
    """Scan some times, whether the rows are good or not."""
    for _ in range(times):
        with contextlib.suppress(DataError):
            scan(rows, Row)


@pytest.mark.parametrize("bad", [False, True], ids=["good", "declined"])
def test_a_million_rows_leave_nothing_behind(bad: bool) -> None:
    """Neither blocks of memory nor references grow, also where every chunk is declined."""
    # what is declined is read by the Python code, too, and that takes its time
    rows, times = some_rows(250, bad=bad), 400 if bad else 4000
    run(rows, 20)
    gc.collect()
    blocks, references = sys.getallocatedblocks(), sys.getrefcount(Child)
    tracemalloc.start()
    try:
        run(rows, 2)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    run(rows, times)
    gc.collect()
    assert held < 50_000
    assert sys.getallocatedblocks() - blocks < 500
    assert sys.getrefcount(Child) - references < 10


def test_a_program_goes_when_its_class_goes() -> None:
    """The collector sees through a program: a class that nobody uses is freed."""
    import weakref

    from liteorm._core.models.classes import clear_models
    from liteorm._core.scanning.scanner import clear_scanners

    model = attrs.make_class("Gone", {"c0": attrs.field(type=int)})
    rows = made_rows((20,), [(GOOD[0],)])
    scan(rows, model)
    gone = weakref.ref(model)
    del model, rows
    clear_scanners()
    clear_models()
    from liteorm._core.models import hints

    for name in vars(hints):
        clear = getattr(getattr(hints, name), "cache_clear", None)
        if clear is not None:
            clear()
    gc.collect()
    assert gone() is None


def test_threads_read_at_once() -> None:
    """Records of several kinds, in threads that share one program."""
    other = struct.pack("!iIiqIi2s", 2, 20, 8, 7, 25, 2, b"xy")
    cells = [(*GOOD[:4], record, *GOOD[5:]) for record in (RECORD, other)]
    rows = made_rows(OIDS, [cells[n % 2] for n in range(1000)])
    expected = scan(rows, Row)
    found: list[Any] = []

    def read() -> None:
        for _ in range(5):
            found.append(scan(rows, Row) == expected)

    threads = [threading.Thread(target=read) for _ in range(4)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert found == [True] * 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_reads_on() -> None:
    """A child reads what its parent had received, by the program made there."""
    rows = some_rows(300)
    expected = scan(rows, Row)
    child = os.fork()
    if child == 0:
        os._exit(0 if scan(rows, Row) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_another_interpreter_reads_or_is_declined() -> None:
    """In a subinterpreter the module works, or its import says that it does not."""
    interpreters = pytest.importorskip(
        "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    )
    code = (
        "try:\n"
        "    import liteorm_native\n"
        "except ImportError:\n"
        "    pass\n"
        "else:\n"
        "    assert liteorm_native.Value(('int4',)).read(b'\\0\\0\\0\\7') == 7\n"
        "    assert str(liteorm_native.Value(('date',)).read(b'\\0\\0\\0\\0')) == '2000-01-01'\n"
    )
    own = interpreters.create()
    try:
        failed = interpreters.run_string(own, code)
    finally:
        interpreters.destroy(own)
    assert failed is None


def test_every_allocation_may_fail() -> None:
    """No crash, and nothing left behind, whichever allocation of a program or a run fails."""
    pytest.importorskip("_testcapi", reason="this Python cannot let allocations fail")
    command = [sys.executable, "-m", "tests.postgres.failing_memory"]
    environment = {**os.environ, "LITEORM_NATIVE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "record_types" in done.stdout


class Interrupted(BaseException):
    """What is not about the rows."""


def interrupt(value: int) -> int:
    """Convert nothing: raise what Ctrl-C would."""
    raise Interrupted


def test_an_interruption_is_not_swallowed() -> None:
    """What is no Exception ends the scan at once; the rows are not read again."""
    model = attrs.make_class("M", {"c0": attrs.field(type=int, converter=interrupt)})
    with pytest.raises(Interrupted):
        scan(made_rows((20,), [(GOOD[0],)]), model)


def test_a_result_of_other_columns_is_declined() -> None:
    """The program holds its result against the columns that it was made for."""
    with pytest.raises(ScanError):
        scan(made_rows((20, 25), [(GOOD[0], b"")]), Row)


OTHER = """
import attrs, logging
logging.basicConfig(format="%(message)s")
from liteorm import explain_plan, scan
from tests.postgres.made import made_rows

@attrs.define
class Number:
    c0: int

rows = made_rows((23,), [(b"\\0\\0\\0\\7",)])
print(scan(rows, Number), explain_plan(rows, Number))
"""


@pytest.mark.parametrize("interface", ["", "INTERFACE = 1", f"INTERFACE = {native.INTERFACE + 1}"])
def test_one_of_another_release_is_declined(tmp_path: Path, interface: str) -> None:
    """An older or newer liteorm-native is not called; the log says so once, and Python reads."""
    (tmp_path / "liteorm_native.py").write_text(interface)
    environment = {**os.environ, "LITEORM_NATIVE": "1", "PYTHONPATH": f"{tmp_path}{os.pathsep}."}
    done = subprocess.run(
        [sys.executable, "-c", OTHER], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("[Number(c0=7)]"), done.stderr
    assert "belongs to another liteorm" in done.stdout
    assert done.stderr.count("install liteorm[binary] anew") == 1


def test_one_that_cannot_be_loaded_is_declined(tmp_path: Path) -> None:
    """What is installed and will not be loaded, as without a GIL, is told once; Python reads."""
    (tmp_path / "liteorm_native.py").write_text("raise ImportError('needs the GIL')")
    environment = {**os.environ, "LITEORM_NATIVE": "1", "PYTHONPATH": f"{tmp_path}{os.pathsep}."}
    done = subprocess.run(
        [sys.executable, "-c", OTHER], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("[Number(c0=7)]"), done.stderr
    assert "liteorm-native: needs the GIL" in done.stdout
    assert done.stderr.count("scanning without liteorm-native: needs the GIL") == 1
