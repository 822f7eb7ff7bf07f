# Generated from liteorm/postgres/_async/__init__.py by .ci/unasync.py: edit that file, not this one.
"""Everything that waits."""
