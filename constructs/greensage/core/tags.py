"""The tags by which commands find what stacks have made."""

from __future__ import annotations

GROUP_TAG, KIND_TAG, ROOT_TAG = "greensage:group", "greensage:kind", "greensage:parameters"
# A log group that is archived before it forgets.
ARCHIVE_LOGS_TAG = "greensage:archive-logs"
