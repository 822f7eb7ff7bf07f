"""Source text of classes for the tables, views and types of a live schema."""

from liteorm._cli.modelgen.catalog import Relation, Schema, read_schema
from liteorm._cli.modelgen.merging import OldFile, Source, merged, read_old
from liteorm._cli.modelgen.styles import STYLES
from liteorm._cli.modelgen.writing import Block, blocks_of

__all__ = [
    "STYLES",
    "Block",
    "OldFile",
    "Relation",
    "Schema",
    "Source",
    "blocks_of",
    "merged",
    "read_old",
    "read_schema",
]
