"""What a function was set up with: JSON in its environment, written by the construct."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any


def settings(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings of this function; what is null where they are made is left out here."""
    return json.loads(environment["SETTINGS"])
