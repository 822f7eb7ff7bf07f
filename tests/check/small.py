"""A module with one statement that is right."""

import liteorm

one = liteorm.statement(int, "SELECT 1")
