"""Holds declared statements and tables against a schema: what `liteorm check` and pytest run."""

from liteorm._check.answers import Answers, LiveAnswers
from liteorm._check.checking import Finding, check, check_all
from liteorm._check.files import FileAnswers, RecordingAnswers
from liteorm._check.plans import Plans
from liteorm._check.reports import counted, github_lines, json_text, sarif_text
from liteorm._check.subjects import Subject, collect, custom_types, modules_of, relative

__all__ = [
    "Answers",
    "FileAnswers",
    "Finding",
    "LiveAnswers",
    "Plans",
    "RecordingAnswers",
    "Subject",
    "check",
    "check_all",
    "collect",
    "counted",
    "custom_types",
    "github_lines",
    "json_text",
    "modules_of",
    "relative",
    "sarif_text",
]
