"""The tags by which commands find what stacks have made."""

from __future__ import annotations

GROUP_TAG, KIND_TAG, ROOT_TAG = "greensage:group", "greensage:kind", "greensage:parameters"
