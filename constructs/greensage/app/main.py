"""Reads the model files, plans, builds the stacks and synthesizes: all that an `app.py` has to call."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from aws_cdk import App

from ..core.names import Parameters
from ..errors import GreensageError, render
from ..planner import fleet_footprint
from ..planner.words import synth_line
from .fleet import add_fleet
from .group_stack import GroupStack
from .model_stack import ModelStack
from .platform_stack import PlatformStack
from .read_plan import read_plan

USER_ERROR = 2


def synthesize(
    models: Path | str,
    *,
    model_stack: type[ModelStack] = ModelStack,
    group_stack: type[GroupStack] = GroupStack,
    platform_stack: type[PlatformStack] = PlatformStack,
) -> int:
    """Synthesize the stacks of all model files of a folder.

    Parameters
    ----------
    models:
        The folder; `-c models=FOLDER` names another one.
    model_stack, group_stack, platform_stack:
        Your own classes, if you extend greensage's; defaults: greensage's.

    Returns 0, or 2 when the model files are wrong or what they ask for is not installed; what is wrong is printed.

    Context (`cdk deploy -c NAME=VALUE`): `model` synthesizes one model alone; `environment` chooses among the files'
    environments; `intensity` names a file of hourly grid intensity; `parameters` is the root of greensage's SSM parameters,
    default /greensage. The account and the default Region are the AWS profile's.

    Example
    -------
        sys.exit(synthesize(Path(__file__).parent / "models"))
    """
    app = App()

    def asked(name: str) -> str | None:
        return app.node.try_get_context(name)

    only = asked("model")
    try:
        region = os.environ.get("AWS_REGION") or os.environ.get("CDK_DEFAULT_REGION")
        folder = Path(asked("models") or models)
        account = os.environ.get("CDK_DEFAULT_ACCOUNT")
        plan = read_plan(
            folder, only=only, region=region, intensity=asked("intensity"), environment=asked("environment"), account=account
        )
        footprint, parameters = fleet_footprint(plan), Parameters(asked("parameters") or Parameters().root)
        add_fleet(
            app, plan, account=account, parameters=parameters,
            only=only, footprint=footprint, model_stack=model_stack, group_stack=group_stack, platform_stack=platform_stack,
        )  # fmt: skip
    except GreensageError as error:
        print(render(error), file=sys.stderr)
        return USER_ERROR
    print(synth_line(footprint, only), file=sys.stderr)
    app.synth()
    return 0
