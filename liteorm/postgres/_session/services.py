"""What a connection service file says: libpq reads it last, so a default of ours would hide it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["service_values"]


def service_values(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of the service that a DSN, or PGSERVICE, names.

    See https://www.postgresql.org/docs/current/libpq-pgservice.html. A file that cannot be read is
    libpq's to complain about.
    """
    name = given.get("service") or os.environ.get("PGSERVICE")
    if not name:
        return {}
    for path in _files(given):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found = _section(text, name)
        if found is not None:
            return found
    return {}


def _files(given: Mapping[str, Any]) -> Iterator[Path]:
    own = given.get("servicefile") or os.environ.get("PGSERVICEFILE")
    yield Path(own) if own else Path.home() / ".pg_service.conf"
    if folder := os.environ.get("PGSYSCONFDIR"):
        yield Path(folder) / "pg_service.conf"


def _section(text: str, name: str) -> dict[str, str] | None:
    """Return a section's parameters, None if there is no such section."""
    found: dict[str, str] | None = None
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            if found is not None:
                break
            if line == f"[{name}]":
                found = {}
        elif found is not None and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, value)
    return found
