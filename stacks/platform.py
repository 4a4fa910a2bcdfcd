"""What the models of one Region share, and below it what this team adds to it."""

from __future__ import annotations

from typing import Any

from constructs import Construct
from greensage import app


class PlatformStack(app.PlatformStack):
    """`self.bucket` holds the archives, `self.repository` the serving images; `self.dashboard` shows the use."""

    def __init__(self, scope: Construct, id: str, **props: Any) -> None:
        super().__init__(scope, id, **props)
