"""What .ci/release_check.py says is missing, on a copy of what it reads."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import types
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def loaded() -> types.ModuleType:
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("release_check", ROOT / ".ci/release_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHECK = loaded()

URLS = "[project.urls]\nHomepage = 'x'\nSource = 'x'\nIssues = 'x'\nChangelog = 'x'\n"


@pytest.fixture
def ready(tmp_path: Path) -> Path:
    """A folder for which nothing is missing, committed."""
    for name in {*CHECK.FILES, "pyproject.toml", "native/pyproject.toml"}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    told = (ROOT / "pyproject.toml").read_text("utf-8")
    if "[project.urls]" not in told:
        told = told.replace("[project.scripts]", f"{URLS}\n[project.scripts]")
    (tmp_path / "pyproject.toml").write_text(told, "utf-8")
    version = CHECK.project(tmp_path)["version"]
    native = CHECK.project(tmp_path, "native")["version"]
    (tmp_path / "CHANGELOG.md").write_text(f"## [Unreleased]\n\n## [{version}] - 2030-01-31\n")
    (tmp_path / "dist").mkdir()
    (tmp_path / ".gitignore").write_text("dist/\n")
    with zipfile.ZipFile(tmp_path / f"dist/liteorm-{version}-py3-none-any.whl", "w") as wheel:
        for package in ("liteorm", "liteorm_testing"):
            wheel.writestr(f"{package}/py.typed", "")
    for name in (f"liteorm-{version}.tar.gz", f"liteorm_native-{native}.tar.gz"):
        (tmp_path / "dist" / name).touch()
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody."""
    somebody = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *somebody, *arguments], cwd=folder, check=True, capture_output=True)


def test_nothing_is_missing_for_a_release(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is ready is said to be."""
    assert (CHECK.main(ready), capsys.readouterr().out.split(";")[0]) == (0, "ready")


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- x\n", "under Unreleased"),
        ("CHANGELOG.md", "2030-01-31", "soon", "- YYYY-MM-DD'"),
        ("CHANGELOG.md", "[Unreleased]", "Unreleased", "no heading '## [Unreleased]'"),
        ("pyproject.toml", "Homepage", "Home", "has no Homepage"),
        ("pyproject.toml", '"psycopg>=3.3.9,<3.4"', '"psycopg>=3.3.9"', "psycopg has no upper"),
        ("pyproject.toml", "Python :: 3.11", "Python :: 3.10", "no classifier for Python 3.11"),
        ("pyproject.toml", "liteorm-native==", "liteorm-native>=", "the extra binary"),
        ("native/pyproject.toml", 'version = "', 'version = "9', "liteorm_native-9"),
    ],
)
def test_what_is_missing_for_a_release_is_said(
    ready: Path, capsys: pytest.CaptureFixture[str], name: str, before: str, after: str, said: str
) -> None:
    """Each fault is named, and the exit status says that there is one."""
    text = (ready / name).read_text("utf-8")
    assert before in text
    (ready / name).write_text(text.replace(before, after), "utf-8")
    git(ready, "commit", "-a", "-m", "x")
    assert CHECK.main(ready) == 1
    assert said in capsys.readouterr().out


def test_a_missing_file_a_built_wheel_and_a_tag_are_said(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that went, a module that the wheel lacks, and a version that has its tag."""
    version = CHECK.project(ready)["version"]
    (ready / "SECURITY.md").unlink()
    (ready / "liteorm/new.py").touch()
    git(ready, "tag", f"v{version}")
    assert CHECK.main(ready) == 1
    out = capsys.readouterr().out
    assert "SECURITY.md is not there" in out
    assert "lacks liteorm/new.py" in out
    assert "changes are not committed" in out
    assert f"v{version} is released already" in out


def test_a_changelog_is_closed_under_its_version(ready: Path) -> None:
    """What was unreleased stands below the new heading, and the check finds nothing more there."""
    version = CHECK.project(ready)["version"]
    (ready / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n### Added\n\n- x\n")
    assert len(list(CHECK.missing_in_changelog(ready))) == 2
    CHECK.close_changelog(ready)
    assert list(CHECK.missing_in_changelog(ready)) == []
    text = (ready / "CHANGELOG.md").read_text("utf-8")
    assert text.index("[Unreleased]") < text.index(f"[{version}]") < text.index("- x")
