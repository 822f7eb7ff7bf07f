"""Passwords of the kit's servers, as PostgreSQL stores them.

A password of 128 random bits needs none of the iterations that slow guessing down, and each of
them would be paid for by every connection of every test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_ITERATIONS = 1


def new_password() -> str:
    """A password that nobody guesses, of characters that need no quoting anywhere."""
    return secrets.token_hex(16)


def password_for(role: str, secret: str) -> str:
    """The password of a role that every process of a run comes to by itself.

    Args:
        role: The role's name.
        secret: What the processes know, and nobody else.
    """
    return hmac.digest(secret.encode(), role.encode(), "sha256").hex()[:32]


def verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), and takes in the password's place.

    The same password has the same one: that a role has it already can be seen.
    """
    salt = hashlib.sha256(b"salt " + password.encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{text[0]}${text[1]}:{text[2]}"
