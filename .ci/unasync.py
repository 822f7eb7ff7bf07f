"""Write or check the sync twins of the async sources.

    python .ci/unasync.py            write every twin
    python .ci/unasync.py --check    compare every twin with its source, whole file, in memory

Only NAME tokens change: ``async`` and ``await`` are dropped, ``AsyncX`` becomes ``X`` and RENAMES
says the rest. The names in ``__all__`` follow, and code in docstrings (fenced blocks, `code spans`,
lines after >>>). A name that an import or a union would then have twice is dropped once, and so is
a statement that only marks a test for anyio. Line breaks stay as they are in the source.
Whatever else differs between the twins belongs in pairs into
``liteorm/postgres/_session/primitives.py``.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

Edit: TypeAlias = tuple[tuple[int, int], tuple[int, int], str]

ROOT = Path(__file__).resolve().parent.parent

TREES = {
    "liteorm/postgres/_async": "liteorm/postgres/_sync",
    "tests/postgres/_async": "tests/postgres/_sync",
    "tests/distributed/_async": "tests/distributed/_sync",
}

# name in the source -> name in the twin; an entry that nothing uses fails the check
RENAMES = {
    "_async": "_sync",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "aanswer": "answer",
    "aanswers": "answers",
    "acall": "call",
    "acheck_plain": "check_plain",
    "afinish": "finish",
    "agetconn": "getconn",
    "aput_idle": "put_idle",
    "atake_idle": "take_idle",
    "ain_a_thread": "in_a_thread",
    "await_io": "wait_io",
    "apause": "pause",
    "areclaim": "reclaim",
    "arunning": "running",
    "aleaves_block_open": "leaves_block_open",
    "aserves_strangers": "serves_strangers",
    "auntil": "until",
    "atold": "told",
    "awithin": "within",
    "asleep": "sleep",
    "describe_async": "describe",
    "liteorm_async_db": "liteorm_db",
    "listen_async": "listen",
    "notify_async": "notify",
    "open_async": "open",
    "position_async": "position",
    "session_async": "session",
    "wait_for_async": "wait_for",
}

IGNORED = (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
# A union of two classes that are one in the twin.
TWICE = re.compile(r"(\b\w+\[\w+\]) \| \1(?!\w)")
ANYIO_MARK = re.compile(r"\s*(?:@|pytestmark\s*=\s*)pytest\.mark\.anyio\s*(?:#.*)?")
DOCSTRING_CODE = re.compile(
    r"```.*?```|``[^`]+``|`[^`\n]+`|^ *(?:>>>|\.\.\.) [^\n]*", re.DOTALL | re.MULTILINE
)
BRACES = re.compile(r"\{[^{}]*\}")
WORD = re.compile(r"(?<![\w.])(?:async|await)\s+|\b[A-Za-z_]\w*\b")


def header(source: str) -> str:
    """Return the first line of the twin of `source`."""
    return f"# Generated from {source} by .ci/unasync.py: edit that file, not this one.\n"


def renamed(name: str, used: set[str]) -> str:
    """Return what the NAME token `name` becomes; note which entry of RENAMES was used."""
    if name in RENAMES:
        used.add(name)
        return RENAMES[name]
    bare = name.lstrip("_")
    if bare.startswith("Async") and bare[5:6].isupper():
        return name[: len(name) - len(bare)] + bare[5:]
    return name


def renamed_docstring(text: str, used: set[str]) -> str:
    """Return the docstring with the code in it made synchronous."""

    def word(match: re.Match[str]) -> str:
        return "" if match[0][-1].isspace() else renamed(match[0], used)

    return DOCSTRING_CODE.sub(lambda code: WORD.sub(word, code[0]), text)


def is_f_string(token: tokenize.TokenInfo) -> bool:
    """Return whether the token is an f-string in one piece."""
    if token.type != tokenize.STRING:
        return False
    prefix = token.string.split(token.string[-1], 1)[0]
    return "f" in prefix.lower()


def plain_tokens(text: str, source: str) -> list[tokenize.TokenInfo]:
    """Return the tokens with every f-string as one STRING, as Python 3.11 has them.

    An f-string stays as it is, so one whose expressions would have to change is refused.
    """
    tokens: list[tokenize.TokenInfo] = []
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        depth += (kind == "FSTRING_START") - (kind == "FSTRING_END")
        if depth or kind == "FSTRING_END":
            inside = [token.string] if token.type == tokenize.NAME else []
        else:
            tokens.append(token)
            parts = BRACES.findall(token.string) if is_f_string(token) else []
            inside = [name for part in parts for name in WORD.findall(part)]
        for name in inside:
            if name.strip() in ("async", "await") or renamed(name, set()) != name:
                raise SystemExit(
                    f"{source}:{token.start[0]}: an f-string cannot be converted; "
                    f"give the expression with {name.strip()} a name before it"
                )
    return tokens


def logical_lines(tokens: list[tokenize.TokenInfo]) -> Iterator[list[tokenize.TokenInfo]]:
    """Yield the tokens of each statement, comments and blank lines left out."""
    line: list[tokenize.TokenInfo] = []
    for token in tokens:
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            yield [*line, token]
            line = []
        elif token.type not in IGNORED:
            line.append(token)


def edits(line: list[tokenize.TokenInfo], used: set[str]) -> Iterator[Edit]:
    """Yield start, end and new text of what changes in a statement."""
    first = line[0]
    names = {token.string for token in line if token.type == tokenize.NAME}
    for token, following in zip(line, [*line[1:], line[-1]], strict=True):
        if token.type == tokenize.NAME and token.string in ("async", "await"):
            yield token.start, following.start, ""
        elif token.type == tokenize.NAME:
            name = renamed(token.string, used)
            if name == token.string:
                continue
            if first.string in ("from", "import") and name in names and following.string == ",":
                after = line[line.index(following) + 1]  # what the twin imports already
                yield token.start, after.start, ""
            else:
                yield token.start, token.end, name
        elif token.type == tokenize.STRING and token is first:
            yield token.start, token.end, renamed_docstring(token.string, used)
        elif token.type == tokenize.STRING and first.string == "__all__":
            yield token.start, token.end, f'"{renamed(token.string[1:-1], used)}"'


def twin(text: str, source: str, used: set[str]) -> str:
    """Return the sync twin of the async module `text`."""
    lines = text.splitlines(keepends=True)
    found = [
        edit for line in logical_lines(plain_tokens(text, source)) for edit in edits(line, used)
    ]
    for (row, start), (end_row, end), new in reversed(found):
        before, after = lines[row - 1][:start], lines[end_row - 1][end:]
        lines[row - 1 : end_row] = (before + new + after).splitlines(keepends=True)
    kept = [line for line in lines if not ANYIO_MARK.fullmatch(line.rstrip("\n"))]
    return header(source) + "".join(TWICE.sub(r"\1", line) for line in kept)


def twins(used: set[str]) -> dict[Path, str]:
    """Return path and text of every twin there should be."""
    made: dict[Path, str] = {}
    for source, target in TREES.items():
        for path in sorted((ROOT / source).rglob("*.py")):
            text = twin(path.read_text("utf-8"), path.relative_to(ROOT).as_posix(), used)
            made[ROOT / target / path.relative_to(ROOT / source)] = text
    return made


def main(arguments: list[str]) -> int:
    """Run the command; the result is the exit status."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    used: set[str] = set()
    wanted = twins(used)
    present = {path for target in TREES.values() for path in (ROOT / target).rglob("*.py")}
    wrong = [
        path
        for path in sorted(present | set(wanted))
        if path not in wanted or path not in present or path.read_text("utf-8") != wanted[path]
    ]
    unused = sorted(set(RENAMES) - used)
    if not arguments:
        for path in wrong:
            if path in wanted:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(wanted[path], "utf-8")
            else:
                path.unlink()
            print("wrote" if path in wanted else "removed", path.relative_to(ROOT).as_posix())
        if unused:
            print("unused in RENAMES (--check will fail):", ", ".join(unused), file=sys.stderr)
        return 0
    for path in wrong:
        print(
            f"{path.relative_to(ROOT).as_posix()} is not the twin of its source; run .ci/unasync.py"
        )
    for name in unused:
        print(f"RENAMES: {name} is used by no source; remove it")
    return 1 if wrong or unused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
