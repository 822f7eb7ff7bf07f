"""A module with one statement that is wrong."""

import liteorm

one = liteorm.statement(int, "SELECT nope")
