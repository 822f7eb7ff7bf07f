"""Rows into objects: shape and types, fit, plan, generated code, and what did not fit."""
