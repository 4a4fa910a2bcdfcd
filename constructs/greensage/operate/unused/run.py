"""Finds what is unused, kind by kind, and deletes it one by one: what fails is said, and the others still go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ...errors import GreensageError
from . import artifacts, hosting, idle, images, leftovers, packages
from .item import Reading, Unused


class _Kind(NamedTuple):
    """How a kind is found, where it is looked at again and deleted, and by which service."""

    find: Callable[[Reading], Iterator[Unused]]
    room: Any
    service: str = "sagemaker"


# Configurations before the models that they name.
KINDS = {
    idle.KIND: _Kind(idle.find, idle),
    hosting.CONFIG: _Kind(hosting.configs, hosting), hosting.MODEL: _Kind(hosting.models, hosting),
    packages.KIND: _Kind(packages.find, packages), images.KIND: _Kind(images.find, images, "ecr"),
    leftovers.LOGS: _Kind(leftovers.log_groups, leftovers, "logs"), leftovers.UPLOAD: _Kind(leftovers.uploads, leftovers, "s3"),
    artifacts.KIND: _Kind(artifacts.find, artifacts, "s3"),
}  # fmt: skip


@dataclass
class Found:
    """What is unused, and what could not be judged because something could not be read."""

    items: list[Unused] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What became of an item."""

    item: Unused
    state: Literal["deleted", "in use again", "failed"]
    reason: str = ""


def find_unused(reading: Reading, kinds: Sequence[str] = (), *, say: Callable[[str], None] = lambda text: None) -> Found:
    """Return what nothing in `reading`'s Region uses. Calls nothing but Get, Describe and List.

    A kind whose users cannot all be read is not judged at all, and said so. Raises GreensageError for an unknown kind.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    unknown = set(kinds) - set(KINDS)
    if unknown:
        raise GreensageError(f"{', '.join(sorted(unknown))}: no such kind; allowed: {', '.join(KINDS)}")
    found = Found()
    for kind, row in KINDS.items():
        if kinds and kind not in kinds:
            continue
        say(f"{reading.region}: looking for each {kind} that nothing uses ...")
        try:
            # To the end before any counts: a page that fails may have named one of those before it.
            found.items += list(row.find(reading))
        except (BotoCoreError, ClientError, GreensageError) as error:
            found.problems.append(f"{reading.region}: {kind}: not judged: {error}")
    return found


def delete_unused(reading: Reading, items: Sequence[Unused], ledger: Path) -> Iterator[Outcome]:
    """Delete the items, each after another look at what uses it, and yield what became of each.

    `ledger` gets a line of JSON before and after each deletion, with what it takes to restore it: who interrupts finds
    what was under way. Raises OSError where the ledger cannot be written; then nothing is deleted.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a", encoding="utf-8") as lines:
        for item in items:
            kind = KINDS[item.kind]
            # A reading of its own: the first one remembers what was there then.
            fresh = replace(reading)
            try:
                if not kind.room.still_unused(fresh, item):
                    yield Outcome(item, "in use again")
                    continue
                _write(lines, "deleting", item)
                kind.room.delete(fresh.client(kind.service), item)
            except (BotoCoreError, ClientError, GreensageError, RuntimeError) as error:
                outcome = Outcome(item, "deleted", "was gone already") if _gone(error) else Outcome(item, "failed", str(error))
            else:
                outcome = Outcome(item, "deleted")
            _write(lines, outcome.state, item, outcome.reason)
            yield outcome


def _gone(error: Exception) -> bool:
    """Whether somebody else deleted it meanwhile, which is as good."""
    said = getattr(error, "response", {}).get("Error", {})
    words = f"{said.get('Code', '')} {said.get('Message', '')}"
    return any(word in words for word in ("Could not find", "NotFound", "NoSuchUpload", "does not exist"))


def _write(lines: Any, state: str, item: Unused, reason: str = "") -> None:
    row = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "state": state, **asdict(item), "reason": reason}
    lines.write(json.dumps(row, default=str) + "\n")
    lines.flush()
