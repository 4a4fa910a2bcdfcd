"""The container's own reader of payloads, so that a row means to the monitor what it meant to the model.

It is a file of the serving image. What runs in the loop's functions and jobs carries it beside this module as `_payload`,
because a job imports from the archive itself; the wheel and a checkout have it where the image is defined, and it is loaded
by its path: a module called `server` must not come into a user's `sys.path`.
"""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

_FILE = "server/payload.py"


def source() -> Path:
    """Return the file, to put its text where it has to run alone. Raises StopIteration where it lies beside this module."""
    above = Path(__file__).resolve().parents
    return next(path for path in (above[1] / "_serving" / _FILE, above[3] / "serving" / _FILE) if path.is_file())


if TYPE_CHECKING:
    from server import payload as _payload
else:
    try:
        from . import _payload
    except ImportError:
        _spec = spec_from_file_location("greensage.drift._payload", source())
        _payload = module_from_spec(_spec)
        _spec.loader.exec_module(_payload)

PayloadError = _payload.PayloadError
captured_answers = _payload.captured_answers
captured_rows = _payload.captured_rows
csv_rows = _payload.csv_rows
decode = _payload.decode
is_plain = _payload.is_plain
number = _payload.number
to_csv = _payload.to_csv
