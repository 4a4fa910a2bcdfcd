"""How much the container logs: the level, and a wrong one."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from server.settings import Settings

CODE = """
from server.worker import log_to_standard_error
import logging
log_to_standard_error(LEVEL)
for level in ("info", "warning", "error"):
    getattr(logging, level)(level)
"""


@pytest.mark.parametrize(("given", "wanted"), [({}, "WARNING"), ({"GREENSAGE_LOG_LEVEL": "error"}, "ERROR")])
def test_the_level_is_the_environments(given, wanted):
    assert Settings.from_environment(given).log_level == wanted
    assert isinstance(logging.getLevelName(wanted), int)


def test_a_wrong_level_names_itself():
    with pytest.raises(ValueError, match="GREENSAGE_LOG_LEVEL is 'loud'; allowed: error, warning, info"):
        Settings.from_environment({"GREENSAGE_LOG_LEVEL": "loud"})


@pytest.mark.parametrize(("level", "lines"), [("INFO", 3), ("WARNING", 2), ("ERROR", 1)])
def test_what_is_below_the_level_is_not_written(level, lines):
    text = CODE.replace("LEVEL", repr(level))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd="serving")
    assert len(done.stderr.splitlines()) == lines
