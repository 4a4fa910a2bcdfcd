"""What AWS would refuse, found before anything is synthesized: the capability matrix and pairs that exclude each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..catalog import limits
from ..catalog._data import load
from ..catalog.capabilities import capability, features, is_built, kinds_with, label
from ..catalog.images import is_of_aws
from ..catalog.instances import InstanceType
from ..catalog.kinds import hosting_kind
from ..catalog.limits import FOREIGN_IMAGE
from ..catalog.regions import partition_of
from ..errors import PlanError, Problem
from ..narrow import is_mapping
from ..spec import RealTimeHosting, sources_of
from .context import Request
from .silicon import GPU_ONLY
from .types import Kind

_RANGES = {
    "canary": (1, limits.CANARY_PERCENT_MAX),
    "linear": (limits.LINEAR_PERCENT_MIN, limits.CANARY_PERCENT_MAX),
    "rolling": (limits.ROLLING_PERCENT_MIN, limits.CANARY_PERCENT_MAX),
}


@dataclass(frozen=True)
class Ask:
    """A feature that a file asks for, and the key that asks."""

    feature: str
    path: str


def check_matrix(request: Request, kind: Kind) -> tuple[str, ...]:
    """Return warnings for what no source confirms; PlanError with all that AWS refuses on `kind`."""
    asked = list(_asks(request))
    problems = [problem for ask in asked if (problem := _refusal(request, kind, ask, asked))]
    problems += _conflicts(request, asked)
    problems += _ranges(request)
    problems += [
        *_without_effect(request, kind),
        *_logs_without_effect(request, kind),
        *_elsewhere(request),
        *_image_elsewhere(request),
    ]
    problems += [*_without_archive(request, kind), *_of_another_account(request, kind)]
    if problems:
        raise PlanError(problems)
    return tuple(warning for ask in asked if (warning := _warning(kind, ask)))


def why_not(request: Request, kind: Kind) -> str | None:
    """Return the first reason why `kind` cannot do what the file asks for, or None: for choosing among kinds."""
    problems = [problem for ask in _asks(request) if (problem := _refusal(request, kind, ask, []))]
    problems += [*_without_effect(request, kind), *_logs_without_effect(request, kind)]
    problems += [*_without_archive(request, kind), *_of_another_account(request, kind)]
    return problems[0].message if problems else None


def check_silicon(request: Request, kind: Kind, item: InstanceType, path: str) -> tuple[str, ...]:
    """Return a warning, or raise PlanError, for the silicon of the chosen instance type on `kind`."""
    if item.feature is None:
        return ()
    ask = Ask(item.feature, path)
    problem = _refusal(request, kind, ask, [ask])
    if problem:
        raise PlanError([problem])
    warning = _warning(kind, ask)
    return (warning,) if warning else ()


def _asks(request: Request) -> Iterator[Ask]:
    spec, hosting = request.spec, request.spec.hosting
    if getattr(hosting, "min_instances", None) == 0:
        yield Ask("scale_to_zero", "hosting.min_instances")
    simple = {
        "capture": ("data_capture", spec.capture), "vpc": ("vpc", spec.vpc), "kms_key_arn": ("kms_volume", spec.kms_key_arn),
        "network_isolation": ("network_isolation", spec.network_isolation), "shadow": ("shadow", spec.shadow),
        "variants": ("variants", spec.variants), "schedule": ("autoscaling", spec.schedule),
        "model.artifact": ("uncompressed_model", spec.model.artifact.endswith("/")),
        "high_resolution_metrics": ("high_resolution_metrics", spec.high_resolution_metrics),
    }  # fmt: skip
    yield from (Ask(feature, path) for path, (feature, given) in simple.items() if given)
    silicon = {"gpu": "gpu", "graviton": "graviton", "trainium": "inf2"}.get(spec.silicon)
    if spec.silicon == "inferentia":
        silicon = "inf1" if spec.model.compiled_for == "inf1" else "inf2"
    if silicon:
        yield Ask(silicon, "silicon")
    elif spec.model.compiled_for:
        yield Ask("inf1" if spec.model.compiled_for == "inf1" else "inf2", "model.compiled_for")
    elif spec.model.image_family in GPU_ONLY and spec.silicon == "auto":
        yield Ask("gpu", "model.framework")
    elif spec.model.image_architecture == "arm64":
        yield Ask("graviton", "model.image_architecture")
    # Only if the file spells it out: the default falls back to what the kind has (rollout.py).
    if "deployment" in spec.model_fields_set:
        yield Ask("rolling" if spec.deployment.strategy == "rolling" else "blue_green", "deployment")


def _refusal(request: Request, kind: Kind, ask: Ask, asked: list[Ask]) -> Problem | None:
    if ask.feature in features() and capability(kind, ask.feature).answer == "n":
        why = f"AWS does not offer {label(ask.feature)} on {kind} hosting ({capability(kind, ask.feature).source})"
    elif not is_built(kind, ask.feature):
        why = f"greensage does not build {label(ask.feature)} on {kind} hosting"
    else:
        return None
    wanted = [item.feature for item in asked] or [ask.feature]
    # Better a kind that does all that the file asks for; else one that does this.
    others = kinds_with(wanted, near=kind) or kinds_with([ask.feature], near=kind)
    hint = f"hosting: {others[0]}" if others else f"leave out {ask.path}"
    return request.located.problem(
        tuple(_keys(ask.path)), why,
        found=_found(request, ask.path), allowed=", ".join(others) or "no hosting kind", hint=hint,
    )  # fmt: skip


def _warning(kind: Kind, ask: Ask) -> str | None:
    if ask.feature not in features():
        return None
    cell = capability(kind, ask.feature)
    if cell.answer != "?":
        return None
    return f"{ask.path}: whether AWS offers {label(ask.feature)} on {kind} hosting is not settled ({cell.source}: {cell.words})"


def _conflicts(request: Request, asked: list[Ask]) -> Iterator[Problem]:
    paths = {ask.feature: ask.path for ask in asked}
    if request.spec.deployment.strategy in ("canary", "linear"):
        paths["stepped"] = "deployment.strategy"
    if isinstance(request.spec.hosting, RealTimeHosting) and request.spec.hosting.managed_scaling:
        paths |= {"managed_scaling": "hosting.managed_scaling", "own_endpoint": "hosting.kind"}
    for row in load("conflicts")["conflicts"]:
        first, second = row["features"]
        if first in paths and second in paths:
            message = f"cannot be combined with {paths[second]}: {row['rule']} ({row['source']})"
            yield request.located.problem(tuple(_keys(paths[first])), message, hint=row["way_out"])


def _ranges(request: Request) -> Iterator[Problem]:
    deployment = request.spec.deployment
    step = deployment.step_percent
    if step is None:
        return
    if deployment.strategy not in _RANGES:
        yield request.located.problem(
            ("deployment", "step_percent"), "all-at-once has no steps", found=str(step), allowed="canary, linear or rolling"
        )
        return
    low, high = _RANGES[deployment.strategy]
    if not low <= step <= high:
        yield request.located.problem(
            ("deployment", "step_percent"), f"out of range for {deployment.strategy}", found=str(step), allowed=f"{low} to {high}"
        )


def _without_effect(request: Request, kind: Kind) -> Iterator[Problem]:
    """What a file asks for in vain is a mistake, not a wish."""
    if (
        hosting_kind(kind).runs_on == "memory"
        and request.spec.schedule
        and not getattr(request.spec.hosting, "provisioned_concurrency", None)
    ):
        message = "a schedule moves the limits of warm environments, and there are none"
        yield request.located.problem(("schedule",), message, hint=f"hosting: {{kind: {kind}, provisioned_concurrency: 1}}")


def _of_another_account(request: Request, kind: Kind) -> Iterator[Problem]:
    """Hosting without instances takes AWS's images, and those of the account itself."""
    if hosting_kind(kind).runs_on != "memory" or not request.account:
        return
    for at, image in _images(request):
        owner = image.partition(".")[0]
        if owner != request.account and not is_of_aws(owner):
            message = f"is of account {owner}, and {kind} hosting takes images of its own account or AWS's only ({FOREIGN_IMAGE})"
            hint = f"copy it to an ECR repository of account {request.account}, or host it otherwise"
            yield request.located.problem(at, message, found=image, hint=hint)


def _without_archive(request: Request, kind: Kind) -> Iterator[Problem]:
    """Kinds that are made of an archive, for an image that has its model in itself."""
    row, model = hosting_kind(kind), request.spec.model
    own = row.shares is None and row.runs_on != "devices"
    if model.package and not own:
        message = (
            f"a package of the Model Registry is served by an endpoint of its own or a batch transform, not by {kind} hosting"
        )
        yield request.located.problem(("model", "package"), message, allowed="real-time, serverless, asynchronous, batch")
        return
    outside = model.image not in ("auto", "serving", "prebuilt") and ".dkr.ecr." not in model.image
    if outside and (not own or row.answers == "files" or row.runs_on == "memory"):
        message = (
            f"AWS pulls images of a private registry for endpoints on instances, not for {kind} hosting (developer guide, "
            "Use a Private Docker Registry for Real-Time Inference Containers)"
        )
        yield request.located.problem(("model", "image"), message, found=model.image, allowed="real-time, asynchronous")
    if model.id and request.spec.network_isolation:
        message = "the container fetches the model from the Hugging Face hub, and network isolation lets nothing out"
        yield request.located.problem(("network_isolation",), message, hint="the model's files in S3: model.artifact")
    if row.shares == "server" and (model.dataframe or model.framework == "catboost"):
        what = "dataframe" if model.dataframe else "framework"
        message = f"{kind} hosting has one server for all, which reads numbers and has neither pandas nor CatBoost"
        yield request.located.problem(("model", what), message, hint="hosting of its own")
    if not request.spec.model.artifact and not model.package and (row.shares == "server" or row.runs_on == "devices"):
        message = f"{kind} hosting is made of the model's archive, and the file names none"
        yield request.located.problem(("model",), message, allowed="model.artifact", hint="hosting: real-time")
    if request.spec.model.secrets and (row.shares or row.runs_on == "devices" or row.answers == "files"):
        message = f"greensage lets the container read secrets on an endpoint of the model's own, and {kind} has none"
        yield request.located.problem(("model", "secrets"), message, hint="hosting: real-time")


def _logs_without_effect(request: Request, kind: Kind) -> Iterator[Problem]:
    """Where a kind has no log group of its own, or one whose name never changes."""
    row, given = hosting_kind(kind), request.spec.logs
    alone = row.runs_on != "devices" and row.answers != "files"
    if given.storage != "standard" and not (alone and row.shares != "copies"):
        message = f"{kind} has no log group of its own whose class could be chosen"
        yield request.located.problem(("logs", "storage"), message, hint="leave it out")
    if given.archive_days and not alone:
        message = f"{kind} has no log group of its own to archive"
        yield request.located.problem(("logs", "archive_days"), message, hint="leave it out")


def _elsewhere(request: Request) -> Iterator[Problem]:
    """Keys and topics are of one Region and partition, and cannot be used from another."""
    spec = request.spec
    # Asked again once the Region is chosen.
    if not request.region:
        return
    model = spec.model
    regional = {"kms_key_arn": spec.kms_key_arn, "notify": spec.notify, "model.package": model.package,
                "model.source_kms_key_arn": model.source_kms_key_arn,
                "model.registry_credentials": model.registry_credentials}  # fmt: skip
    for key, arn in regional.items():
        if arn is None:
            continue
        partition, region = arn.split(":")[1], arn.split(":")[3]
        if region != request.region or partition != partition_of(request.region):
            message = f"is in {region} ({partition}), and the model in {request.region} ({partition_of(request.region)})"
            yield request.located.problem(
                tuple(key.split(".")), message, found=arn, hint="one of the same Region, or region.allowed"
            )


def _image_elsewhere(request: Request) -> Iterator[Problem]:
    """An image is pulled from its own Region only ("Cross region ECR image pulls are not allowed", CreateModel)."""
    for at, image in _images(request):
        region = image.split(".")[3]
        if request.region and region != request.region:
            message = f"is in {region}, and the model in {request.region}; SageMaker pulls images of the same Region only"
            yield request.located.problem(at, message, found=image, hint="ECR replicates images between Regions")


def _images(request: Request) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The images of ECR that the file names, with their places."""
    for at, source in sources_of(request.spec):
        if ".dkr.ecr." in source.image:
            yield (*at, "image"), source.image


def _keys(path: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in path.split(".")]


def _found(request: Request, path: str) -> str:
    value: object = request.located.content
    for key in _keys(path):
        value = value.get(str(key)) if is_mapping(value) else None
    return str(value) if isinstance(value, str | int | float) else ""
