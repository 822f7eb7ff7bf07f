"""Source text of attrs classes for the tables, views and types of a live schema."""

from liteorm._cli.modelgen.catalog import Relation, Schema, read_schema
from liteorm._cli.modelgen.merging import merged
from liteorm._cli.modelgen.writing import Block, blocks_of

__all__ = ["Block", "Relation", "Schema", "blocks_of", "merged", "read_schema"]
