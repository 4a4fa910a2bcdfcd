"""After the first day: what deployed models took, whether it was what they needed, and what nobody uses any more."""

from __future__ import annotations
