"""inet, cidr, macaddr and macaddr8."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any, Final

from liteorm.postgres._types.forms import Form, Scalar, Unsendable, wrong_class
from liteorm.postgres._types.strings import text_of, written

_AF_INET, _AF_INET6 = 2, 3


def _inet(value: Any) -> bytes:
    if isinstance(value, IPv4Interface | IPv6Interface):
        bits = value.network.prefixlen
    elif isinstance(value, IPv4Address | IPv6Address):
        bits = value.max_prefixlen
    else:
        raise wrong_class(value, "an IP address or interface")
    if isinstance(value, IPv6Address) and value.scope_id:
        raise Unsendable("it is an IPv6 address with a scope, which inet cannot hold")
    family = _AF_INET if value.version == 4 else _AF_INET6
    packed: bytes = value.packed
    return bytes((family, bits, 0, len(packed))) + packed


def _cidr(value: Any) -> bytes:
    if not isinstance(value, IPv4Network | IPv6Network):
        raise wrong_class(value, "an IP network")
    packed = value.network_address.packed
    family = _AF_INET if value.version == 4 else _AF_INET6
    return bytes((family, value.prefixlen, 1, len(packed))) + packed


def mac(data: bytes) -> str:
    """Read a MAC address of 6 or 8 bytes."""
    return data.hex(":")


def _mac(length: int) -> Callable[[Any], bytes]:
    def ready(value: Any) -> bytes:
        digits = re.sub(r"[:.\- ]", "", text_of(value))
        if not re.fullmatch(f"[0-9a-fA-F]{{{length * 2}}}", digits):
            raise Unsendable(f"it is not a MAC address of {length} bytes")
        return bytes.fromhex(digits)

    return ready


FORMS: Final[dict[str, Form]] = {
    "inet": Form(Scalar("an IP address", _inet, str, bound=True)),
    "cidr": Form(Scalar("an IP network", _cidr, str, bound=True)),
    "macaddr": Form(written(_mac(6)), mac),
    "macaddr8": Form(written(_mac(8)), mac),
}
