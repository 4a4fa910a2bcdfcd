"""Answers that are not predictions: an HTTP status and a sentence for the caller."""

from __future__ import annotations


class ServingError(Exception):
    """Raised anywhere below the routes; becomes `{"error": message}` with `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
