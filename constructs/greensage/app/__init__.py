"""The CDK app of a folder of model files: a platform per Region, a stack per group and one per model.

`greensage init` writes an `app.py` that calls `synthesize`, and stacks of its own below `stacks/` to extend these.
"""

from .group_stack import GroupStack as GroupStack
from .main import synthesize as synthesize
from .model_stack import ModelStack as ModelStack
from .platform_stack import PlatformStack as PlatformStack
