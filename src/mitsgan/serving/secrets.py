"""What keeps others out of a page: headers of every answer, and tokens."""

from __future__ import annotations

import hmac

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""What every answer carries: nothing is guessed, told to other sites or kept on disk."""


def same_secret(given: str, secret: str) -> bool:
    """Whether two secrets are the same; how long it takes tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), secret.encode())


def bearer(authorization: str) -> str | None:
    """The token of an ``Authorization`` header of the kind *Bearer*; None of another kind."""
    kind, _, value = authorization.partition(" ")
    return value if kind.lower() == "bearer" else None
