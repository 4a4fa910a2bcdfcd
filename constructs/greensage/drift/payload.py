"""The container's own reader of payloads, so that a row means to the monitor what it meant to the model.

It is a file of the serving image, which the wheel, the loop's functions and its jobs carry below `_serving`; a checkout has
it at the top. It is loaded by its path: a module called `server` must not come into a user's `sys.path`.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

_FILE = "server/payload.py"
_ABOVE = Path(__file__).resolve().parents
SOURCE = next(path for path in (_ABOVE[1] / "_serving" / _FILE, _ABOVE[3] / "serving" / _FILE) if path.is_file())

if TYPE_CHECKING:
    from server import payload as _payload
else:
    _spec = spec_from_file_location("greensage.drift._payload", SOURCE)
    _payload = module_from_spec(_spec)
    _spec.loader.exec_module(_payload)

PayloadError = _payload.PayloadError
captured_rows = _payload.captured_rows
csv_rows = _payload.csv_rows
is_plain = _payload.is_plain
number = _payload.number
to_csv = _payload.to_csv
