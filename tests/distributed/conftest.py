"""Servers that are many: partitions on others, a primary with standbys, a pooler in between."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from liteorm_testing import Cluster, cluster
from tests.distributed.shards import Shards, shards


@pytest.fixture(scope="module")
def spread() -> Generator[Shards]:
    """A database whose table has four foreign partitions on two servers."""
    with shards() as made:
        yield made


@pytest.fixture(scope="module")
def three() -> Generator[Cluster]:
    """A primary with two standbys, for a module that leaves it as it was."""
    with cluster(standbys=2) as made:
        yield made
