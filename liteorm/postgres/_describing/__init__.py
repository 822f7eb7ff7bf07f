"""Statements as the server sees them, without running them."""
