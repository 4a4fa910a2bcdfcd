"""One model: what greensage builds from its file, and below it what this team wants of every model."""

from __future__ import annotations

from typing import Any

from constructs import Construct
from greensage import app


class ModelStack(app.ModelStack):
    """`self.watched` is the endpoint of the model's own, or None: it has metrics and grants; `self.model` is its plan."""

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(scope, id, **props)
        # For instance: if self.watched is not None: self.watched.grant_invoke(role)
