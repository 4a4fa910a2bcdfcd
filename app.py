"""Every models/*.yaml becomes a stack of its own; `-c model=NAME` synthesizes that one alone."""

from __future__ import annotations

import sys
from pathlib import Path

from greensage.app import synthesize
from stacks.group import GroupStack
from stacks.model import ModelStack
from stacks.platform import PlatformStack

if __name__ == "__main__":
    models = Path(__file__).parent / "models"
    sys.exit(synthesize(models, model_stack=ModelStack, group_stack=GroupStack, platform_stack=PlatformStack))
