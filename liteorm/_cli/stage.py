"""How the steps of the demo show themselves."""

from __future__ import annotations

from rich.console import Console
from rich.panel import Panel
from rich.text import Text


def announce(console: Console, title: str, code: str) -> None:
    """Print the heading of a step and the call it is about."""
    console.print()
    console.rule(f"[bold]{title}", align="left", style="dim")
    console.print(Text(code, style="cyan"))


def complain(console: Console, title: str, text: str) -> None:
    """Print what went wrong, as it was meant to."""
    console.print(Panel(Text(text), title=title, border_style="red"))
