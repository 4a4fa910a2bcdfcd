"""What model files name and somebody else has made: keys, topics, roles, networks, secrets, archives, images, groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ...planner import ModelPlan
from ...spec import EdgeHosting, ModelSource, sources_of
from .look import Look

_ECR = re.compile(r"^(\d{12})\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/([^:@]+)(?:@(sha256:[0-9a-f]{64})|:(.+))?$")
# Returns what is wrong with it, "" if nothing, None if it is not there.
Looked = Callable[[Look, str], str | None]
Named = tuple[str, str, Looked, str]


def check_named(look: Look, models: list[ModelPlan]) -> None:
    """Check everything that the models of the Region name; each thing once, with all models that name it."""
    wanted: dict[tuple[str, str], tuple[Looked, str, list[str]]] = {}
    for model in models:
        for kind, name, looked, make in _names(model):
            wanted.setdefault((kind, name), (looked, make, []))[2].append(model.name)
    for (kind, name), (looked, make, names) in wanted.items():
        look.try_to(f"{kind} {name}", lambda args=(kind, name, looked, make, tuple(names)): _check(look, *args), tuple(names))


def _check(look: Look, kind: str, name: str, looked: Looked, make: str, models: tuple[str, ...]) -> None:
    wrong = looked(look, name)
    if wrong is None:
        look.says(
            f"{kind} {name}", "stops", "is not there, or not yours to see", models, make.format(name=name, region=look.region)
        )
    elif wrong:
        look.says(f"{kind} {name}", "stops", wrong, models)
    else:
        look.says(f"{kind} {name}", "ok", "is there", models)


def _names(model: ModelPlan) -> Iterator[Named]:
    """Kind, name, how to look, and how to make it."""
    yield from _of_the_stack(model)
    for _, source in sources_of(model.spec):
        yield from _of_the_source(source)
    spec, hosting = model.spec, model.spec.hosting
    if spec.vpc is not None:
        yield from (("subnet", name, _subnet, "") for name in spec.vpc.subnets)
        yield from (("security group", name, _security_group, "") for name in spec.vpc.security_groups)
    if isinstance(hosting, EdgeHosting) and not hosting.create_device_groups:
        make = "aws iot create-thing-group --thing-group-name {name} --region {region}, or create_device_groups: true"
        yield from (("thing group", name, _thing_group, make) for name in hosting.device_groups)


def _of_the_stack(model: ModelPlan) -> Iterator[Named]:
    spec = model.spec
    given = (
        ("KMS key", spec.kms_key_arn, _key, ""),
        ("KMS key", spec.model.source_kms_key_arn, _key, ""),
        ("topic", spec.notify, _topic, "aws sns create-topic --name ... --region {region}"),
        ("topic", spec.drift.notify if spec.drift else None, _topic, "aws sns create-topic --name ... --region {region}"),
        ("role", spec.execution_role_arn, _role, ""),
        ("permissions boundary", spec.permissions_boundary, _policy, ""),
        ("function", spec.retraining.optimize if spec.retraining else None, _function, ""),
    )
    yield from ((kind, name, looked, make) for kind, name, looked, make in given if name)
    retraining = spec.retraining
    tables = [spec.drift.baseline if spec.drift else None, *([retraining.data, retraining.holdout] if retraining else [])]
    yield from (("table", name, _archive, "aws s3 cp FILE {name}") for name in tables if name and name.startswith("s3://"))


def _of_the_source(source: ModelSource) -> Iterator[Named]:
    for arn in source.secrets.values():
        yield "secret", arn, _secret, "aws secretsmanager create-secret --name ... --region {region}"
    given = (
        ("function", source.registry_credentials, _function, ""),
        ("archive", source.artifact if source.artifact.startswith("s3://") else "", _archive, "aws s3 cp model.tar.gz {name}"),
        ("model package", source.package, _package, ""),
        ("image", source.image if _ECR.match(source.image) else "", _image, ""),
    )
    yield from ((kind, name, looked, make) for kind, name, looked, make in given if name)


def _key(look: Look, arn: str) -> str | None:
    found = look.ask("kms", "describe_key", KeyId=arn)
    state = found["KeyMetadata"]["KeyState"] if found else "Enabled"
    return None if found is None else "" if state == "Enabled" else f"is {state}"


def _topic(look: Look, arn: str) -> str | None:
    return _there(look.ask("sns", "get_topic_attributes", TopicArn=arn))


def _role(look: Look, arn: str) -> str | None:
    return _there(look.ask("iam", "get_role", RoleName=arn.rsplit("/", 1)[-1]))


def _policy(look: Look, arn: str) -> str | None:
    return _there(look.ask("iam", "get_policy", PolicyArn=arn))


def _secret(look: Look, arn: str) -> str | None:
    return _there(look.ask("secretsmanager", "describe_secret", SecretId=arn))


def _function(look: Look, arn: str) -> str | None:
    return _there(look.ask("lambda", "get_function_configuration", FunctionName=arn))


def _archive(look: Look, uri: str) -> str | None:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if key.endswith("/"):
        found = look.ask("s3", "list_objects_v2", Bucket=bucket, Prefix=key, MaxKeys=1)
        return None if not found or not found.get("KeyCount") else ""
    return _there(look.ask("s3", "head_object", Bucket=bucket, Key=key))


def _package(look: Look, arn: str) -> str | None:
    if ":model-package-group/" in arn:
        asked = {"ModelPackageGroupName": arn, "ModelApprovalStatus": "Approved", "MaxResults": 1}
        found = look.ask("sagemaker", "list_model_packages", **asked)
        return None if found is None else "" if found["ModelPackageSummaryList"] else "has no approved version"
    found = look.ask("sagemaker", "describe_model_package", ModelPackageName=arn)
    status = found.get("ModelApprovalStatus", "Approved") if found else ""
    return None if found is None else "" if status == "Approved" else f"is {status}"


def _image(look: Look, uri: str) -> str | None:
    match = _ECR.match(uri)
    assert match is not None
    account, repository, digest, tag = match.groups()
    image = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    # Of another account that shares it, the right to list it is rarely shared; pulling it is the role's.
    return _there(look.ask("ecr", "batch_get_image", registryId=account, repositoryName=repository, imageIds=[image]), "images")


def _subnet(look: Look, name: str) -> str | None:
    return _there(look.ask("ec2", "describe_subnets", SubnetIds=[name]))


def _security_group(look: Look, name: str) -> str | None:
    return _there(look.ask("ec2", "describe_security_groups", GroupIds=[name]))


def _thing_group(look: Look, name: str) -> str | None:
    return _there(look.ask("iot", "describe_thing_group", thingGroupName=name))


def _there(found: dict[str, object] | None, key: str = "") -> str | None:
    return None if found is None or (key and not found.get(key)) else ""
