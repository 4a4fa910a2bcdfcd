"""Runs the module that is named first in a process that ends when its parent does, however that ends."""

from __future__ import annotations

import os
import runpy
import sys
import threading


def _end_with_parent() -> None:
    # The file itself: a buffered reader would hold a lock that the interpreter wants when it ends.
    while os.read(0, 1):
        pass
    # sys.exit would end this thread only.
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Run as a script, its own folder comes first on the path; the server lies in the current one.
    sys.path[0] = os.getcwd()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
