"""One thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# stops: the deployment would fail; limits: a later update or the peak would; later: the deployment makes it;
# unknown: it could not be read.
State = Literal["ok", "stops", "limits", "later", "unknown"]


@dataclass(frozen=True)
class Check:
    """`what` was looked at in `region` ("" for the account), `found` there, for `models`; `do` is a command or a sentence."""

    region: str
    what: str
    state: State
    found: str
    models: tuple[str, ...] = ()
    do: str = ""
