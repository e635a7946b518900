"""Passwords of the live page: lines of `user:hash`, checked and made.

    python -m prober.watch.page.passwords USER >> page.users

asks for a password and prints a line. A hash is `scrypt$LOG2N$R$P$SALT$KEY`, the last
two in Base64.
"""

import asyncio
import base64
import binascii
import getpass
import hashlib
import hmac
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from prober.errors import UsageError

_LOG2N, _R, _P = 15, 8, 1
"""32 MiB, and about a tenth of a second."""
_MOST_MEMORY = 128 << 20
_MOST_KEPT = 64
_MOST_AT_ONCE = 2
"""More would let strangers fill memory and cores."""


class Passwords:
    """Who may read, by name."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = dict(hashes)
        self._stranger = hash_of(secrets.token_urlsafe())
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, None] = {}
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)

    async def accept(self, authorization: str) -> bool:
        """Tell whether a header names a user with that user's password.

        What was right once is known by a keyed hash, for hashing takes its time.
        """
        found = _pair(authorization)
        if found is None:
            return False
        mark = hmac.digest(self._secret, authorization.encode(), "sha256")
        if mark in self._known:
            return True
        user, password = found
        # Of a stranger it takes as long as of anybody.
        known = self._hashes.get(user)
        async with self._turns:
            right = await asyncio.to_thread(
                matches, password, known if known is not None else self._stranger
            )
        if not right or known is None:
            return False
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[mark] = None
        return True


def read(file: Path) -> Passwords:
    """Return the passwords in a file; raises UsageError naming the line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"cannot read the passwords in {file}: {reason}") from None
    hashes = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, hash_ = line.strip().partition(":")
        if not user or not colon or _parts(hash_) is None:
            raise UsageError(
                f"{file}, line {number}, is no user:hash: python -m "
                "prober.watch.page.passwords USER makes one"
            )
        hashes[user] = hash_
    if not hashes:
        raise UsageError(f"{file} names no user: nobody could open the page")
    return Passwords(hashes)


def hash_of(password: str) -> str:
    """Return the hash of a password, with new salt."""
    salt = secrets.token_bytes(16)
    key = _key(password, salt, _LOG2N, _R, _P)
    shown = (base64.b64encode(each).decode() for each in (salt, key))
    return "$".join(["scrypt", str(_LOG2N), str(_R), str(_P), *shown])


def matches(password: str, hash_: str) -> bool:
    """Tell whether it is the password of a hash; how long that takes tells nothing."""
    parts = _parts(hash_)
    if parts is None:
        return False
    log2n, r, p, salt, key = parts
    return hmac.compare_digest(_key(password, salt, log2n, r, p), key)


def _key(password: str, salt: bytes, log2n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=1 << log2n, r=r, p=p, maxmem=_MOST_MEMORY
    )


def _parts(hash_: str) -> tuple[int, int, int, bytes, bytes] | None:
    """Return what a hash is made of; None for what is none, or costs too much."""
    name, *rest = hash_.split("$")
    try:
        log2n, r, p = map(int, rest[:3])
        salt, key = (base64.b64decode(each, validate=True) for each in rest[3:])
    except (ValueError, binascii.Error):
        return None
    fits = 10 <= log2n <= 18 and 1 <= r <= 16 and 1 <= p <= 4  # noqa: PLR2004
    whole = name == "scrypt" and bool(salt) and bool(key)
    affordable = fits and (128 * r << log2n) < _MOST_MEMORY
    return (log2n, r, p, salt, key) if whole and affordable else None


def _pair(authorization: str) -> tuple[str, str] | None:
    """Return user and password of a header; None for another one."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = (
            base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        )
    except ValueError:
        return None
    return (user, password) if colon else None


def main() -> int:
    """Ask for a password and print its line."""
    if len(sys.argv) != 2 or not sys.argv[1] or ":" in sys.argv[1]:  # noqa: PLR2004
        sys.stderr.write("python -m prober.watch.page.passwords USER\n")
        return 2
    asked = getpass.getpass if sys.stdin.isatty() else lambda _: sys.stdin.readline()
    password = asked("Password: ").rstrip("\n")
    if not password:
        sys.stderr.write("an empty password protects nothing\n")
        return 2
    sys.stdout.write(f"{sys.argv[1]}:{hash_of(password)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
