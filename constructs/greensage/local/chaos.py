"""What AWS does now and then, by a seed: calls are throttled, lists do not show yet what was just made, rights take a while.

Off unless the local cloud was started with --chaos SEED. The same seed gives the same choices in the same order of calls.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Mapping
from typing import Any

# Of a hundred calls; SDKs try again, three to five times.
_THROTTLED_PERCENT = 4
_LIST_SECONDS = 1.0
# IAM takes some seconds to be known everywhere, here as everything by TIME_SCALE. CloudFormation waits for that itself when it
# makes roles and policies (they take 15 to 20 s there), so what depends on them is safe, and what does not is not.
SETTLE_SECONDS = 0.3
_IAM_TYPES = ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
_lock = threading.Lock()
_changed: dict[str, float] = {}


def _generator() -> random.Random | None:
    seed = os.environ.get("GREENSAGE_CHAOS")
    return random.Random(int(seed)) if seed else None  # noqa: S311 - no secrets


_random = _generator()


def happens(percent: float) -> bool:
    """Whether something that happens in `percent` of all cases happens now."""
    if _random is None:
        return False
    with _lock:
        return _random.random() * 100 < percent


def throttles() -> bool:
    """Whether this call is refused because of its rate."""
    return happens(_THROTTLED_PERCENT)


def as_listed(name: str, response: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a List call without some of what is younger than a second."""
    if _random is None or not name.startswith("List"):
        return response
    youngest = time.time() - _LIST_SECONDS
    return {key: [row for row in rows if not _too_young(row, youngest)] if isinstance(rows, list) else rows
            for key, rows in response.items()}  # fmt: skip


def _too_young(row: Any, youngest: float) -> bool:
    made = row.get("CreationTime", 0) if isinstance(row, Mapping) else 0
    return isinstance(made, int | float) and made > youngest and happens(50)


def role_changed(name: str) -> None:
    """Remember that a role or its policies have changed."""
    if _random is not None:
        _changed[name] = time.monotonic()


def is_unsettled(role_arn: str) -> bool:
    """Whether what a role may do is not known everywhere yet."""
    return time.monotonic() - _changed.get(role_arn.rsplit("/", 1)[-1], -1e9) < SETTLE_SECONDS


def install() -> None:
    """Have CloudFormation wait for roles and policies as it does on AWS."""
    if _random is None:
        return
    from ministack.services.cloudformation import provisioners, stacks

    for kind in _IAM_TYPES:
        handler = provisioners._RESOURCE_HANDLERS[kind]
        for step in ("create", "update"):
            if step in handler:
                handler[step] = _waiting(handler[step])
    known = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind in _IAM_TYPES or known(kind)


def _waiting(work: Any) -> Any:
    def made(*arguments: Any, **options: Any) -> Any:
        result = work(*arguments, **options)
        for value in arguments:
            if isinstance(value, Mapping):
                for role in [*value.get("Roles", []), value.get("RoleName", "")]:
                    role_changed(str(role))
        role_changed(str(result[0] if isinstance(result, tuple) else result))
        time.sleep(SETTLE_SECONDS)
        return result

    return made
