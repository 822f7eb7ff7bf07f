"""Numbers and points as PostgreSQL prints them."""

from __future__ import annotations


def point_text(pair: tuple[float, float]) -> str:
    """Return a point in PostgreSQL's text form."""
    return f"({number_text(pair[0])},{number_text(pair[1])})"


def number_text(value: float) -> str:
    """Return a float as PostgreSQL prints it."""
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}[text]
    if "e" not in text and abs(value) >= 1e15:
        return f"{_shortest(value)}e+15"
    return text.removesuffix(".0")


def _shortest(value: float) -> str:
    """Return the digits of a float in 1e15 to 1e16, which PostgreSQL writes with an exponent."""
    digits = repr(value).removesuffix(".0").lstrip("-").rstrip("0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:]}" if len(digits) > 1 else f"{sign}{digits}"
