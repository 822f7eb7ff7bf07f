"""Declared statements, in Python and in .sql files."""
