"""The endpoint that models of a group share, and below it what this team wants of each."""

from __future__ import annotations

from typing import Any

from constructs import Construct
from greensage import app


class GroupStack(app.GroupStack):
    """`self.endpoint` has metrics and grants; `self.group` is its plan."""

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(scope, id, **props)
