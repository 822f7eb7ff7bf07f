"""Read and change connection strings without a driver."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

_SCHEMES: Final = ("postgresql://", "postgres://")


def is_dsn(text: str) -> bool:
    """Whether the text is a connection string rather than a word."""
    return text.startswith(_SCHEMES) or ("=" in text and "://" not in text.partition("=")[0])


def parse(dsn: str) -> dict[str, str]:
    """The libpq keywords of a connection string in either of libpq's two forms."""
    return _parse_uri(dsn) if dsn.startswith(_SCHEMES) else _parse_keywords(dsn)


def replace(dsn: str, **changes: str | None) -> str:
    """The same connection string with some keywords set (None removes one), as a URI."""
    parts = parse(dsn)
    for key, value in changes.items():
        if value is None:
            parts.pop(key, None)
        else:
            parts[key] = value
    return build(parts)


def build(parts: dict[str, str]) -> str:
    """A URI from libpq keywords; a socket directory goes into the query, as libpq wants it."""
    rest = dict(parts)
    user, password = rest.pop("user", ""), rest.pop("password", None)
    login = quote(user, safe="")
    if password is not None:
        login += ":" + quote(password, safe="")
    authority = ""
    host = rest.get("host", "")
    if host and "/" not in host:
        ports = rest.pop("port", "").split(",")
        hosts = rest.pop("host").split(",")
        if len(ports) == 1:
            ports *= len(hosts)
        if len(ports) != len(hosts):
            raise ValueError(f"a connection string has {len(hosts)} hosts and {len(ports)} ports")
        authority = ",".join(
            (f"[{name}]" if ":" in name else name) + (f":{port}" if port else "")
            for name, port in zip(hosts, ports, strict=True)
        )
    name = quote(rest.pop("dbname", ""), safe="")
    query = "?" + urlencode(rest, quote_via=quote, safe="/") if rest else ""
    return f"postgresql://{login}{'@' if login else ''}{authority}/{name}{query}"


_ON_LIBPQ: Final = ("psycopg", "psycopg_async", "psycopg2", "psycopg2cffi")
_OF_ALL: Final = ("user", "password", "host", "port", "dbname")
# What asyncpg takes from libpq, also out of the environment if its URL does not say it.
_OF_ASYNCPG: Final = ("sslmode", "sslcert", "sslkey", "sslrootcert", "target_session_attrs")


def url(dsn: str, driver: str | None) -> str:
    """The URL that other programs take; words of libpq's are left to drivers that know them."""
    if driver is not None and not driver.isidentifier():
        raise ValueError("a driver is a name such as asyncpg, psycopg or psycopg2")
    parts = parse(dsn)
    if driver not in _ON_LIBPQ:
        known = _OF_ALL if driver else (*_OF_ALL, *_OF_ASYNCPG)
        kept = {key: parts[key] for key in known if parts.get(key)}
        if driver == "asyncpg":
            # By these names SQLAlchemy gives them to asyncpg.
            told = {"ssl": "sslmode", "target_session_attrs": "target_session_attrs"}
            kept |= {name: parts[key] for name, key in told.items() if parts.get(key)}
        parts = kept
    scheme, rest = build(parts).split("://", 1)
    return f"{scheme}{f'+{driver}' if driver else ''}://{rest}"


def without_password(dsn: str) -> str:
    """The connection string as it may be shown."""
    if dsn.startswith(_SCHEMES):
        scheme, _, rest = dsn.partition("://")
        # A slash or a question mark in a password, not written as %2F or %3F, ends it too early.
        if "@" in re.split("[/?#]", rest, maxsplit=1)[-1] and re.search("[/?#].*@", rest):
            return f"{scheme}://...@{re.split('[?#]', rest.rpartition('@')[2])[0]}"
    return replace(dsn, password=None, sslpassword=None)


# What a variable of libpq's would make of a connection to a server of ours, and what it is here;
# "" is for libpq what was not set. Not listed is what is the client's own affair (PGAPPNAME,
# PGCONNECT_TIMEOUT, PGTZ), and what a connection string of ours says anyway (PGHOST, PGPASSWORD).
_VARIABLES: Final[Mapping[str, tuple[str, str]]] = {
    "PGSSLMODE": ("sslmode", "disable"),
    "PGREQUIRESSL": ("sslmode", "disable"),
    "PGSSLNEGOTIATION": ("sslnegotiation", "postgres"),
    "PGSSLROOTCERT": ("sslrootcert", ""),
    "PGSSLCERTMODE": ("sslcertmode", "disable"),
    "PGGSSENCMODE": ("gssencmode", "disable"),
    "PGCHANNELBINDING": ("channel_binding", "disable"),
    "PGREQUIREAUTH": ("require_auth", "scram-sha-256,none"),
    "PGHOSTADDR": ("hostaddr", "127.0.0.1"),
    "PGTARGETSESSIONATTRS": ("target_session_attrs", "any"),
    "PGLOADBALANCEHOSTS": ("load_balance_hosts", "disable"),
    "PGOPTIONS": ("options", ""),
    "PGCLIENTENCODING": ("client_encoding", "UTF8"),
    "PGMINPROTOCOLVERSION": ("min_protocol_version", "3.0"),
    "PGMAXPROTOCOLVERSION": ("max_protocol_version", ""),
}
# A service may set any of them; these are known to every libpq.
_OF_SERVICES: Final = (
    *("PGSSLMODE", "PGSSLROOTCERT", "PGGSSENCMODE", "PGCHANNELBINDING", "PGHOSTADDR"),
    *("PGTARGETSESSIONATTRS", "PGOPTIONS", "PGCLIENTENCODING"),
)


def with_our_say(dsn: str) -> str:
    """The connection string of a server of ours, whatever the environment says of others."""
    names = {name for name in _VARIABLES if os.environ.get(name)}
    if os.environ.get("PGSERVICE"):
        names.update(_OF_SERVICES)
    if not names:
        return dsn
    given = parse(dsn)
    changes: dict[str, str] = dict(_VARIABLES[name] for name in _VARIABLES if name in names)
    if "sslrootcert" in changes or "sslcertmode" in changes or "sslnegotiation" in changes:
        changes["sslmode"] = "disable"
    if "hostaddr" in changes:
        changes["hostaddr"] = ",".join([changes["hostaddr"]] * len(given["host"].split(",")))
    return build({**changes, **given})


def _parse_uri(dsn: str) -> dict[str, str]:
    rest, _, query = dsn.partition("://")[2].partition("?")
    authority, _, name = rest.partition("/")
    login, at, places = authority.rpartition("@")
    parts: dict[str, str] = {}
    if at:
        user, colon, password = login.partition(":")
        if user:
            parts["user"] = unquote(user)
        if colon:
            parts["password"] = unquote(password)
    hosts: list[str] = []
    ports: list[str] = []
    for place in places.split(",") if places else ():
        if place.startswith("["):
            host, _, tail = place[1:].partition("]")
            port = tail.removeprefix(":")
        else:
            host, _, port = place.partition(":")
        hosts.append(unquote(host))
        ports.append(port)
    if any(hosts):
        parts["host"] = ",".join(hosts)
    if any(ports):
        parts["port"] = ",".join(ports)
    if name:
        parts["dbname"] = unquote(name)
    parts.update(parse_qsl(query.replace("+", "%2B"), keep_blank_values=True))
    return parts


def _parse_keywords(dsn: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    rest = dsn.strip()
    while rest:
        key, equals, rest = rest.partition("=")
        if not equals:
            raise ValueError("a connection string is a postgresql:// URI or keyword=value pairs")
        value, rest = _keyword_value(rest.lstrip())
        parts[key.strip()] = value
        rest = rest.lstrip()
    return parts


def _keyword_value(text: str) -> tuple[str, str]:
    """The first value and what follows it; libpq's quotes and backslashes."""
    quoted = text.startswith("'")
    value: list[str] = []
    position = 1 if quoted else 0
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            position += 1
            value.append(text[position])
        elif (quoted and char == "'") or (not quoted and char.isspace()):
            position += 1
            break
        else:
            value.append(char)
        position += 1
    return "".join(value), text[position:]
