"""Answers that are not predictions: an HTTP status and a sentence for the caller."""

from __future__ import annotations


class ServingError(Exception):
    """Raised anywhere below the routes; becomes `{"error": message}` with `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def first_lines(error: Exception) -> str:
    """What an error says, without the stack of native calls that some libraries add."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
