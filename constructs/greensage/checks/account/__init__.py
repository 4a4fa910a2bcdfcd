"""Checks of what is deployed already: an account's Region is read as if it were one template."""

from __future__ import annotations

from .read import check_account

__all__ = ["check_account"]
