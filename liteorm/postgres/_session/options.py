"""What `open` was told: checked, and made into the state of a pool."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Final, Literal, cast

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from liteorm._core.models.hints import Codec
from liteorm.errors import (
    ConnectFailed,
    Error,
    IntegrityError,
)
from liteorm.observe import (
    Observer,
    checked,
)
from liteorm.postgres._driver import PREPARES
from liteorm.postgres._session.meters import Meters
from liteorm.postgres._session.notices import OnNotice, check_on_notice
from liteorm.postgres._session.services import service_values
from liteorm.postgres._session.state import Adapters, PoolerMode, PoolState, first_of, port_of
from liteorm.postgres._session.translate import one_line
from liteorm.postgres._types.custom import CustomType
from liteorm.postgres._types.dumpers import register_dumpers
from liteorm.postgres._types.registry import TypeRegistry

__all__ = [
    "ANSWER_GRACE",
    "Reset",
    "check_seconds",
    "lent_state",
    "make_state",
    "wrong_session",
]

Reset = Literal["auto", "always"]

CONNECT_TIMEOUT: Final = 10
"""Seconds a connection attempt may take for each host, unless the DSN says otherwise."""
ANSWER_GRACE: Final = 5.0
"""Seconds after statement_timeout in which the server must have said so."""
SILENCE: Final = 60.0
"""Seconds without a word, where no other bound is set, after which a server is looked for."""
PROBE: Final = 10.0
"""Seconds in which a server has to take a connection then; it is tried twice."""
_DEFAULTS: Final[Mapping[str, object]] = {
    "connect_timeout": CONNECT_TIMEOUT,
    # A dead peer is found within a minute, not within the two hours operating systems wait.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    # The same for what has been sent and is not acknowledged, in milliseconds: it would take a
    # quarter of an hour.
    "tcp_user_timeout": 60_000,
    "fallback_application_name": "liteorm",
}
_VARIABLES: Final = {"connect_timeout": "PGCONNECT_TIMEOUT"}


def make_state(
    dsn: str,
    *,
    timeout: float,
    statement_timeout: float | None,
    application_name: str | None,
    prepare: bool | None,
    reset: Reset,
    observers: Sequence[Observer],
    log_params: bool,
    on_notice: OnNotice | None,
    constraint_errors: Mapping[str, type[Error]] | None,
    codecs: Mapping[type, Codec] | None,
    types: Sequence[CustomType] = (),
    pooler: PoolerMode | None = None,
    startup_limit: bool = True,
) -> PoolState:
    """Check `open`'s arguments and make the state of a pool from them."""
    check_pooler(pooler)
    if reset not in ("auto", "always"):
        raise ValueError(f'reset must be "auto" or "always", not {reset!r}')
    for name, cls in (constraint_errors or {}).items():
        if not (isinstance(cast(object, cls), type) and issubclass(cls, IntegrityError)):
            raise TypeError(f"constraint_errors[{name!r}] must be a subclass of IntegrityError")
    check_seconds("timeout", timeout)
    if statement_timeout is not None:
        check_seconds("statement_timeout", statement_timeout, ", or None for no limit")
    given = _parsed(dsn)
    elsewhere = service_values(given)
    params = _with_defaults(given, elsewhere, application_name)
    # PgBouncer knows no startup option for it; the client keeps the time alone there.
    server_keeps_timeout = prepare is not False and startup_limit
    if statement_timeout is not None and server_keeps_timeout:
        option = f"-c statement_timeout={max(1, round(statement_timeout * 1000))}"
        # What is given here takes the place of what libpq would take from there.
        before = params.get("options") or elsewhere.get("options") or os.environ.get("PGOPTIONS")
        params["options"] = f"{before or ''} {option}".strip()
    adapters = AdaptersMap(psycopg.adapters)
    registry = TypeRegistry(codecs or {}, types)
    register_dumpers(adapters, codecs or {}, registry.custom)
    context = Adapters(adapters)
    wanted = (
        params.get("target_session_attrs")
        or elsewhere.get("target_session_attrs")
        or os.environ.get("PGTARGETSESSIONATTRS")
    )
    state = PoolState(
        conninfo=make_conninfo("", **params),
        connect_kwargs={
            "autocommit": True,
            "prepare_threshold": 5 if prepare is not False and PREPARES else None,
            "context": context,
        },
        context=context,
        types=registry,
        observers=checked(observers),
        meters=Meters() if observers else None,
        log_params=log_params,
        on_notice=check_on_notice(on_notice),
        statement_timeout=statement_timeout,
        server_keeps_timeout=server_keeps_timeout,
        prepare=prepare,
        pooler=pooler,
        reset_always=reset == "always",
        constraint_errors=dict(constraint_errors or {}),
        codecs=dict(codecs or {}),
        timeout=timeout,
        wants_writable=wanted in ("read-write", "primary"),
        reads=wanted in ("standby", "prefer-standby", "read-only"),
        several_hosts="," in str(params.get("host") or ""),
        database=first_of(params.get("dbname")) or first_of(params.get("user")),
        host=first_of(params.get("host")),
        port=port_of(params.get("port")),
    )
    state.connect_kwargs["state"] = state
    return state


def lent_state(pgconn: Any) -> PoolState:
    """Make the state of sessions on one connection that is not from a pool of ours."""
    state = make_state(
        "",
        timeout=CONNECT_TIMEOUT,
        statement_timeout=None,
        application_name=None,
        prepare=False,
        reset="auto",
        observers=(),
        log_params=False,
        on_notice=None,
        constraint_errors=None,
        codecs=None,
    )
    state.met(pgconn)
    return state


def check_pooler(pooler: object) -> None:
    """Refuse what is no mode of a pooler."""
    if pooler not in (None, "session", "transaction"):
        raise ValueError(f'pooler must be "session", "transaction" or None, not {pooler!r}')


def check_seconds(name: str, value: float, otherwise: str = "") -> None:
    """Refuse what is no length of time."""
    check_number(name, value, otherwise)
    if value <= 0:
        raise ValueError(f"{name} must be positive{otherwise}")


def check_number(name: str, value: float, otherwise: str = "") -> None:
    """Refuse what is no number of seconds, be it one that has passed."""
    if not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a number of seconds{otherwise}, not {type(value).__name__}"
        )
    if value != value:
        raise ValueError(f"{name} must be a number of seconds{otherwise}, not NaN")


def wrong_session(function: Any, session: object, wanted: type) -> TypeError:
    """Return the refusal of a session of the other kind, or of something that is none."""
    name, given = function.__name__, type(session).__name__
    twin = name.removesuffix("_async") if name.endswith("_async") else f"{name}_async"
    has_twin = given in ("DB", "Tx", "AsyncDB", "AsyncTx")
    advice = f": use {twin}() for that" if has_twin else ""
    return TypeError(f"{name}() takes a session such as {wanted.__name__}, not {given}{advice}")


def _parsed(dsn: str) -> dict[str, Any]:
    if not isinstance(dsn, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"the DSN must be a str, not {type(dsn).__name__}")
    try:
        given: dict[str, Any] = dict(conninfo_to_dict(dsn))
    except psycopg.Error as exc:
        # libpq's sentence quotes a piece of the DSN, which may be one of the password: it is cut
        # out, and the driver's error does not come along.
        text = re.sub(r'"[^"]*"?', "…", one_line(str(exc)))
        raise ConnectFailed(f"the DSN cannot be read: {text}") from None
    # A password with such characters in it is cut in the wrong place; its pieces must not be shown.
    hint = "percent-encode special characters of the password (@ is %40, / is %2F)"
    if "@" in str(given.get("host") or ""):
        raise ConnectFailed("the DSN's host contains an @", hint=hint)
    if not all(
        port.strip().isdecimal() for port in str(given.get("port") or "0").split(",") if port
    ):
        raise ConnectFailed("the DSN's port is not a number", hint=hint)
    authority, slash, rest = dsn.partition("://")[2].partition("/")
    if slash and "@" not in authority and "@" in rest.partition("?")[0]:
        raise ConnectFailed("the DSN's database name contains an @", hint=hint)
    return given


def _with_defaults(
    given: dict[str, Any], elsewhere: Mapping[str, str], application_name: str | None
) -> dict[str, Any]:
    params = {k: v for k, v in given.items() if v is not None}
    for name, value in _DEFAULTS.items():
        # What the DSN says comes before a service file in libpq, and so would a default of ours.
        if name not in elsewhere and _VARIABLES.get(name, "") not in os.environ:
            params.setdefault(name, value)
    if application_name is not None:
        params["application_name"] = application_name
    params["client_encoding"] = "UTF8"
    return params
