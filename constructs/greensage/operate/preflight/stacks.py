"""What is in the way of the stacks: the CDK's bootstrap, stacks that hang, and names that somebody else has taken."""

from __future__ import annotations

from ...catalog.quotas import held_builds
from ...core.tags import GROUP_TAG
from ...planner import Plan
from ...storage.serving_tag import serving_tag
from .look import Look

# What aws-cdk-lib's default synthesizer asks for.
_BOOTSTRAP = 6
_MODEL_TAG = "greensage:model"
# What the CDK's command line (2.1148) does with a stack that it finds so: it deletes a failed creation by itself.
_ANEW = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
_ROLLED_BACK_FIRST = ("CREATE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED")
_REVIEWED = "REVIEW_IN_PROGRESS"
_SCALING_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


def check_bootstrap(look: Look, account: str, qualifier: str) -> None:
    """Check that the CDK can deploy here."""
    what = "CDK bootstrap"

    def check() -> None:
        found = look.ask("ssm", "get_parameter", Name=f"/cdk-bootstrap/{qualifier}/version")
        value = str(found["Parameter"]["Value"]) if found else ""
        if not value.isdigit() or int(value) < _BOOTSTRAP:
            said = f"version {value}, needed: {_BOOTSTRAP}" if value else "this Region is not bootstrapped"
            look.says(what, "stops", said, do=f"npx cdk bootstrap aws://{account}/{look.region}")
        else:
            look.says(what, "ok", f"version {value}")

    look.try_to(what, check)


def check_stacks(look: Look, plan: Plan) -> None:
    """Check every stack of the plan in this Region."""
    models = {model.name: (model.name,) for model in plan.models if model.region == look.region}
    groups = {group.stack_name: group.members for group in plan.groups if group.region == look.region}
    for name, members in {f"greensage-platform-{look.region}": (), **groups, **models}.items():
        look.try_to(f"stack {name}", lambda name=name, members=members: _stack(look, name, members, name in models), members)


def _stack(look: Look, name: str, models: tuple[str, ...], is_model: bool) -> None:
    what, row = f"stack {name}", look.stacks.get(name)
    if row is None:
        _leftovers(look, name, models, is_model)
        return
    tags = {tag["Key"] for tag in row.get("Tags", [])}
    status = row["StackStatus"]
    if models and not tags & {_MODEL_TAG, GROUP_TAG} and status != _REVIEWED:
        look.says(what, "stops", "is somebody else's: it is not of greensage", models, "give the model another name")
    elif status in _ROLLED_BACK_FIRST:
        look.says(what, "stops", f"is {status}", models, f"npx cdk rollback {name}")
    elif status == "DELETE_FAILED":
        do = f"aws cloudformation delete-stack --stack-name {name} --region {look.region}"
        look.says(what, "stops", f"is {status}: its events say what could not be deleted", models, do)
    elif status in _ANEW:
        look.says(what, "later", f"is {status}: the CDK deletes it and begins anew", models)
    elif status.endswith("_IN_PROGRESS") and status != _REVIEWED:
        look.says(what, "stops", f"is {status}", models, "wait until it has ended")
    else:
        look.says(what, "ok", status, models)


def _leftovers(look: Look, name: str, models: tuple[str, ...], is_model: bool) -> None:
    """A stack that is not there yet finds nothing with the names that it will give."""
    what = f"stack {name}"
    parameter = f"{look.root}/models/{name}"
    if is_model and look.ask("ssm", "get_parameter", Name=parameter):
        do = f"aws ssm delete-parameter --name {parameter} --region {look.region}"
        look.says(what, "stops", f"the parameter {parameter} is there without it", models, do)
        return
    prefix = f"/aws/sagemaker/Endpoints/{name.lower()}-"
    for group in look.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
        do = f"aws logs delete-log-group --log-group-name {group['logGroupName']} --region {look.region}"
        look.says(f"log group {group['logGroupName']}", "limits", "is left from an endpoint that is gone; if the new one gets "
                  "its name, the deployment stops", models, do)  # fmt: skip
    look.says(what, "ok", "will be created", models)


def check_images(look: Look, plan: Plan, base: str | None) -> bool:
    """Check which images are there; return whether one has to be built."""
    wanted, missing = plan.serving_images(look.region), list[str]()

    def check() -> None:
        repository = look.ask("ssm", "get_parameter", Name=f"{look.root}/platform/serving-repository")
        for architecture, engine in wanted:
            image = {"imageTag": serving_tag(architecture, base, engine)}
            name = repository["Parameter"]["Value"] if repository else ""
            found = name and look.ask("ecr", "batch_get_image", repositoryName=name, imageIds=[image])
            if not found or not found.get("images"):
                missing.append(f"{engine} for {architecture}")
        if missing:
            said = (
                f"{len(missing)} of {len(wanted)} are built with the platform's stack ({', '.join(missing)}): some minutes each; "
            )
            look.says("serving images", "later", said + held_builds())
        elif wanted:
            look.says("serving images", "ok", f"{len(wanted)} are built")

    look.try_to("serving images", check)
    return bool(missing)


def check_scaling_role(look: Look) -> None:
    """Check the role by which AWS scales endpoints; it is made with the first scalable target."""

    def check() -> None:
        if look.ask("iam", "get_role", RoleName=_SCALING_ROLE):
            look.says(f"role {_SCALING_ROLE}", "ok", "is there")
        else:
            said = "is made with the first endpoint that scales, if whoever deploys may iam:CreateServiceLinkedRole"
            look.says(f"role {_SCALING_ROLE}", "later", said)

    look.try_to(f"role {_SCALING_ROLE}", check)
