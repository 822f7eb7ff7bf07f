"""Scripts that root may run believe no folder that others may have filled."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
# What the scripts need to get as far as that; nothing that they would do with a folder.
_PROGRAMS = ("bash", "env", "basename", "cat", "dirname", "find", "id", "mkdir")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with nothing on it that installs, downloads or starts anything."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in _PROGRAMS:
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(found)
    return str(folder)


def _foreign(folder: Path) -> None:
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    os.chown(folder, 4242, 4242)


def _link(folder: Path) -> None:
    target = folder.with_name("target")
    target.mkdir()
    folder.symlink_to(target)


def _open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def _file(folder: Path) -> None:
    folder.touch()


@pytest.mark.parametrize("make", [_foreign, _link, _open_to_all, _file])
@pytest.mark.parametrize(
    ("script", "argument", "variable"),
    [
        ("docker", "down", "LITEORM_CI_STATE"),
        ("next_pythons", None, "LITEORM_SID"),
        ("free_threaded", None, "LITEORM_SID"),
    ],
)
def test_a_folder_that_is_not_the_callers_alone_is_refused(
    script: str, argument: str | None, variable: str, make: object, tmp_path: Path, path: str
) -> None:
    """One sentence names the folder, before anything in it is used."""
    folder = tmp_path / "state"
    assert callable(make)
    make(folder)
    command = [str(_ROOT / ".ci" / script), *([argument] if argument else [])]
    environment = {"PATH": path, variable: str(folder)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{folder} is not " in done.stderr


def test_a_folder_of_ones_own_is_made_and_used_again(tmp_path: Path, path: str) -> None:
    """It is closed to others, and the second time it is there already."""
    folder = tmp_path / "deep" / "state"
    script = f'. "{_ROOT}/.ci/folder"; own_folder "{folder}"; own_folder "{folder}"; echo fine'
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout == "fine\n"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root takes anything from there")
@pytest.mark.parametrize("make", [_foreign, _open_to_all])
def test_no_program_is_taken_from_a_folder_that_is_not_the_callers(
    make: object, tmp_path: Path, path: str
) -> None:
    """A Debian that somebody else put there is neither entered nor copied from."""
    folder = tmp_path / "state"
    assert callable(make)
    make(folder)
    (folder / "sid").mkdir()
    (folder / "sid" / ".complete").touch()
    environment = {
        "PATH": path,
        "LITEORM_SID": str(folder),
        "LITEORM_PGBOUNCER_FOLDER": str(tmp_path / "pgbouncer"),
    }
    command = [str(_ROOT / ".ci" / "pgbouncer")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{folder} is not " in done.stderr


def test_nothing_is_written_beside_a_folder_of_mktemp() -> None:
    """Its name is known to all once it is there, and a link may wait where the file would be."""
    for script in sorted((_ROOT / ".ci").iterdir()):
        if script.is_file():
            text = script.read_text(encoding="utf-8")
            for made in re.findall(r"(\w+)=\$\(mktemp\b", text):
                beside = re.findall(rf"\$\{{?{made}\}}?[\w.-]+", text)
                assert not beside, f"{script.name}: {beside}"
