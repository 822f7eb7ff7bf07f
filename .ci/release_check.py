#!/usr/bin/env python3
"""Says what is missing for a release; exits with 1 if anything is. `make release-check` runs it.

With --close-changelog it first puts what is Unreleased under the version and today's date.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILES = [
    *("LICENSE", "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("liteorm/py.typed", "liteorm_testing/py.typed", "native/LICENSE", "native/README.md"),
    *(".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/idea.yml", "docs/versions.md"),
]
# Their insides are used, so that a newer minor version may break liteorm.
BOUNDED = ("psycopg", "psycopg-pool")
# The newest Python that .ci/next_pythons runs.
NEWEST = "3.15"


def project(root: Path, folder: str = ".") -> dict[str, Any]:
    """Return the table [project] of a distribution."""
    told: dict[str, Any] = tomllib.loads((root / folder / "pyproject.toml").read_text("utf-8"))
    return told["project"]  # type: ignore[no-any-return]


def missing_files(root: Path) -> Iterator[str]:
    """Yield what has to be there and is not."""
    for name in FILES:
        if not (root / name).exists():
            yield f"{name} is not there"


def missing_in_metadata(root: Path) -> Iterator[str]:
    """Yield what the distributions' metadata lack or contradict each other in."""
    main, native = project(root), project(root, "native")
    for key in ("Homepage", "Source", "Issues", "Changelog"):
        if key not in main.get("urls", {}):
            yield f"pyproject.toml: [project.urls] has no {key}"
    for dependency in main["dependencies"]:
        name = re.split(r"[<>=!~\[ ]", dependency, maxsplit=1)[0]
        if name in BOUNDED and "<" not in dependency:
            yield f"pyproject.toml: {name} has no upper bound, and its insides are used"
    wanted = f"liteorm-native=={'.'.join(native['version'].split('.')[:2])}.*"
    if not any(each.startswith(wanted) for each in main["optional-dependencies"]["binary"]):
        yield f"pyproject.toml: the extra binary does not ask for {wanted}"
    for each, where in ((main, "pyproject.toml"), (native, "native/pyproject.toml")):
        oldest = each["requires-python"].removeprefix(">=")
        for version in (oldest, NEWEST):
            if f"Programming Language :: Python :: {version}" not in each["classifiers"]:
                yield f"{where}: no classifier for Python {version}"


def missing_in_changelog(root: Path) -> Iterator[str]:
    """Yield what the changelog does not say of the version to release."""
    version = project(root)["version"]
    text = (root / "CHANGELOG.md").read_text("utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE):
        yield f"CHANGELOG.md: no '## [{version}] - YYYY-MM-DD' (--close-changelog writes it)"
    unreleased = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if unreleased is None:
        yield "CHANGELOG.md: no heading '## [Unreleased]'"
    elif unreleased[1].strip():
        yield f"CHANGELOG.md: lines under Unreleased belong to {version}"


def close_changelog(root: Path) -> None:
    """Put what stands under Unreleased under the version that pyproject.toml says, and today."""
    path = root / "CHANGELOG.md"
    heading = f"## [{project(root)['version']}] - {datetime.now(UTC):%Y-%m-%d}"
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("## [Unreleased]\n", f"## [Unreleased]\n\n{heading}\n", 1), "utf-8"
    )


def missing_in_git(root: Path) -> Iterator[str]:
    """Yield what git says against tagging this commit."""
    version = project(root)["version"]

    def git(*arguments: str) -> str:
        run = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
        return run.stdout.strip()

    if git("status", "--porcelain"):
        yield "git: changes are not committed"
    if git("tag", "--list", f"v{version}"):
        yield f"git: v{version} is released already; raise the version"


def missing_in_wheels(root: Path) -> Iterator[str]:
    """Yield what the built distributions in dist lack."""
    version = project(root)["version"]
    native = project(root, "native")["version"]
    dist = root / "dist"
    for name in (f"liteorm-{version}.tar.gz", f"liteorm_native-{native}.tar.gz"):
        if not (dist / name).exists():
            yield f"dist/{name} is not built: make dist"
    wheel = dist / f"liteorm-{version}-py3-none-any.whl"
    if not wheel.exists():
        yield f"dist/{wheel.name} is not built: make dist"
        return
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    for package in ("liteorm", "liteorm_testing"):
        for path in sorted((root / package).rglob("*")):
            name = path.relative_to(root).as_posix()
            if (path.suffix == ".py" or path.name == "py.typed") and name not in inside:
                yield f"dist/{wheel.name} lacks {name}: make dist"


CHECKS = [
    missing_files,
    missing_in_metadata,
    missing_in_changelog,
    missing_in_git,
    missing_in_wheels,
]


def main(root: Path) -> int:
    """Print what is missing; the exit status says whether anything is."""
    missing = [line for check in CHECKS for line in check(root)]
    for line in missing:
        print(line)
    print(
        f"{len(missing)} missing" if missing else "ready; now .ci/run on this commit, then the tag"
    )
    return bool(missing)


if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parent.parent
    if sys.argv[1:] == ["--close-changelog"]:
        close_changelog(ROOT)
    sys.exit(main(ROOT))
