"""Shapes that several rules look for: variants of a configuration, the model behind one, functions of the CDK's own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ...core.cron import runs_per_day
from ...narrow import is_list, is_mapping
from ..template import Node, Resource, Template
from ..values import Unresolved, text_of

# Functions that the CDK adds for custom resources: they run while a stack is deployed, and are not the user's to change.
_CDK_OWN = re.compile(
    r"CustomResourceProvider|^LogRetention[0-9a-f]{32}|^AWS[0-9a-f]{32}|^(Custom)?CDKBucketDeployment|^BucketNotificationsHandler"
    r"|frameworkon(Event|Timeout|isComplete)|^SingletonLambda[0-9a-f]{32}|^CustomCrossRegionExport"
)
_CDK_PATH = re.compile(r"/framework-on|/Custom::|CustomResourceProvider|/LogRetention[0-9a-f]{32}|/AWS[0-9a-f]{32}/")


def at_deployment_only(function: Resource) -> bool:
    """Return whether a function runs during deployments only: the CDK's own, and those that answer custom resources alone."""
    path = str(function.template.paths.get(function.id, ""))
    if _CDK_OWN.search(function.id) or _CDK_PATH.search(path):
        return True
    users = [user for user in function.template.all_users_of(function) if not user.type.startswith(_ASIDE)]
    if not users:
        # Its users are in other stacks: code that answers CloudFormation tells it as well.
        return "cfnresponse" in function.text("Code", "ZipFile")
    return all(_asks_for_custom(user, function) for user in users)


# What belongs to a function, and tells nothing of who calls it.
_ASIDE = ("AWS::IAM::", "AWS::Lambda::Permission", "AWS::Lambda::Version", "AWS::Lambda::EventInvokeConfig", "AWS::Logs::")


def _asks_for_custom(user: Resource, function: Resource) -> bool:
    if user.type.startswith("Custom::") or user.type == "AWS::CloudFormation::CustomResource":
        return function.id in user.refers_to("ServiceToken")
    path = str(user.template.paths.get(user.id, ""))
    return user.type == "AWS::Lambda::Function" and bool(_CDK_OWN.search(user.id) or _CDK_PATH.search(path))


def runs_elsewhere(function: Resource) -> bool:
    """Return whether a function runs at the edge of CloudFront (x86 alone, logging in every Region), or on Greengrass."""
    role = function.target("Role")
    if role is not None and "edgelambda.amazonaws.com" in json.dumps(role.raw, default=str):
        return True
    template = function.template
    # CloudFront refers to a version of a function, not to the function itself.
    for item in (function, *template.users_of(function, "AWS::Lambda::Version")):
        if any(
            user.type == "AWS::CloudFront::Distribution" or user.type.startswith("AWS::Greengrass")
            for user in template.all_users_of(item)
        ):
            return True
    return False


def variants(config: Resource) -> list[Node]:
    """Return the production and shadow variants of an endpoint configuration."""
    found = config.template.kept.get(config.id)
    if found is None:
        nodes = [*config.list("ProductionVariants"), *config.list("ShadowProductionVariants")]
        found = [node for node in nodes if isinstance(node, Node)]
        # A dozen rules ask for them. What depends on a condition is another list in the other case.
        if not config.template.scope.world:
            config.template.kept[config.id] = found
    return found


def instance_variants(config: Resource) -> list[Node]:
    """Return the variants that run on instances, not serverless."""
    return [variant for variant in variants(config) if not variant.has("ServerlessConfig")]


def model_of(variant: Node) -> Resource | None:
    """Return the model of a variant if it is in this template."""
    model = variant.target("ModelName")
    if model is None and variant.has("ModelName"):
        name = variant.text("ModelName")
        rows = variant.resource.template.of_type("AWS::SageMaker::Model")
        model = next((item for item in rows if item.text("ModelName") == name and "*" not in name), None)
    return model if model is not None and model.type == "AWS::SageMaker::Model" else None


def images_of(model: Resource) -> list[str]:
    """Return the images of a model, with * for what only the deployment knows."""
    rows = [row for row in (model.get("PrimaryContainer"), *model.list("Containers")) if isinstance(row, Node)]
    if any(not row.has("Image") for row in rows):
        raise Unresolved("its image is that of a model package, which is not in this template")
    return [row.text("Image") for row in rows]


def config_of(endpoint: Resource) -> Resource | None:
    """Return the configuration of an endpoint if it is in this template."""
    config = endpoint.target("EndpointConfigName")
    if config is None:
        name = endpoint.text("EndpointConfigName")
        rows = endpoint.template.of_type("AWS::SageMaker::EndpointConfig")
        config = next((item for item in rows if name and "*" not in name and item.text("EndpointConfigName") == name), None)
    return config if config is not None and config.type == "AWS::SageMaker::EndpointConfig" else None


def endpoints_of(config: Resource) -> list[Resource]:
    """Return the endpoints of this template that use `config`."""
    return [item for item in config.template.of_type("AWS::SageMaker::Endpoint") if config_of(item) is config]


def definition_of(machine: Resource) -> Any:
    """Return the definition of a state machine or a SageMaker pipeline as plain values; * stands for unknown parts.

    Raises Unresolved where it lies elsewhere, unless nothing in the template speaks of SageMaker: then it is empty.
    """
    try:
        return _definition(machine)
    except Unresolved:
        if machine.template.speaks_of_sagemaker or machine.type == "AWS::SageMaker::Pipeline":
            raise
        return {}


def _definition(machine: Resource) -> Any:
    for key in ("DefinitionString", "Definition", "PipelineDefinition"):
        if machine.has(key):
            return _parsed(machine, key)
    raise Unresolved("its definition is not in the template")


def _parsed(machine: Resource, key: str) -> Any:
    raw = machine.raw[key]
    if key == "PipelineDefinition" and is_mapping(raw) and "PipelineDefinitionBody" in raw:
        raw = raw["PipelineDefinitionBody"]
    elif key == "PipelineDefinition":
        raise Unresolved("its definition lies in S3")
    if is_mapping(raw) and list(raw) == ["Fn::ToJsonString"]:
        raw = raw["Fn::ToJsonString"]
    if is_mapping(raw) and not any(name.startswith("Fn::") or name == "Ref" for name in raw):
        return raw
    try:
        return json.loads(text_of(raw, machine.template.scope))
    except ValueError:
        raise Unresolved("its definition is known at deployment only") from None


def jobs_in(definition: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (state, API call, parameters) of each SageMaker call in a state machine, and of each step of a pipeline."""
    stack = [("", definition)]
    while stack:
        name, item = stack.pop()
        if is_list(item):
            stack.extend((str(row.get("Name", name)) if is_mapping(row) else name, row) for row in item)
            continue
        if not is_mapping(item):
            continue
        call = re.search(r":sagemaker:(\w+)", str(item.get("Resource", "")))
        parameters = item.get("Parameters", item.get("Arguments"))
        if call and is_mapping(parameters):
            yield name, call[1].lower(), parameters
        elif item.get("Type") in _STEPS and isinstance(item.get("Arguments"), dict):
            yield str(item.get("Name", name)), _STEPS[str(item["Type"])], item["Arguments"]
        stack.extend((str(key), value) for key, value in item.items())


_STEPS = {
    "Training": "createtrainingjob",
    "Tuning": "createhyperparametertuningjob",
    "Processing": "createprocessingjob",
    "Transform": "createtransformjob",
}


def jobs_of(template: Template) -> Iterator[tuple[Resource, str, str, dict[str, Any]]]:
    """Yield (resource, state, API call, parameters) for every job that machines and pipelines of `template` start."""
    for resource in template.of_type("AWS::StepFunctions::StateMachine", "AWS::SageMaker::Pipeline"):
        try:
            definition = definition_of(resource)
        except Unresolved:
            continue
        for state, call, parameters in jobs_in(definition):
            yield resource, state, call, parameters


def runs_a_day(expression: str) -> float:
    """Return how often a schedule fires a day on average, 0 where there is none. Raises Unresolved for one nobody understands."""
    if not expression or expression == "NOW":
        return 0.0
    try:
        return runs_per_day(expression)
    except ValueError:
        raise Unresolved(f"the schedule {expression} is not understood") from None
