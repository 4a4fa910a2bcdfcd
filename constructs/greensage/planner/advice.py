"""What a plan tells beside its decisions: quotas to ask for, VPC endpoints to have, and what is not deployed yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..catalog import traffic
from ..catalog.gpu import batch_saving
from ..catalog.instances import InstanceType
from ..catalog.kinds import hosting_kind
from ..catalog.network import vpc_endpoints
from ..catalog.power import batch_gain
from ..footprint.demand import container_mb, parameters_mb, size_mb
from ..spec import ModelSource
from .choose import Chosen
from .context import Request
from .options import memory_mb
from .shortfalls import shortfalls
from .size import memory_note
from .types import Kind, ScalingPlan


def notes_of(request: Request, chosen: Chosen, kind: Kind) -> tuple[str, ...]:
    """Return what the owner of the file should know."""
    return (
        *_of_memory(chosen),
        *_of_batching(chosen),
        *_of_generated_text(request),
        *_of_scaling(chosen),
        *shortfalls(chosen),
        *_of_the_file(request),
        *_of_the_network(request),
        *hosting_kind(kind).notes,
    )


def _of_memory(chosen: Chosen) -> Iterator[str]:
    option = chosen.option
    if option.item is None or hosting_kind(option.kind).shares is not None:
        return
    note = memory_note(option.request, option.image, option.item, memory_mb(option.request))
    if note:
        yield note
    source = option.request.spec.model
    dense = traffic.dense_format(source.framework)
    if dense is None or source.memory_mb is not None or source.cost is not None:
        return
    needed = container_mb(source) + size_mb(source) * dense[0]
    if needed > traffic.usable_memory_mb(option.item.memory_gib):
        yield (
            f"memory: this {source.framework} model may take {needed:,.0f} MB {dense[1]}, more than {option.item.name} has: "
            "set model.memory_mb to what you measured"
        )


def _of_batching(chosen: Chosen) -> Iterator[str]:
    option = chosen.option
    if option.image.processor == "gpu" and batch_gain(option.request.spec.model.image_family) == 1:
        few, most = batch_saving()
        yield (
            "the container answers one request at a time unless it is told to batch: in batches of 32 an H100 took "
            f"{few:.1f} to {most:.1f} times less energy an answer (measured; greensage catalog show H100)"
        )


def _of_scaling(chosen: Chosen) -> Iterator[str]:
    option = chosen.option
    follows = getattr(option.request.spec.hosting, "scaling", None)
    if follows and option.item and follows.namespace is None and "GPU" in follows.metric and option.item.processor != "gpu":
        yield f"hosting.scaling: {option.item.name} has no GPU and publishes no {follows.metric}: nothing will scale by it"


def _of_generated_text(request: Request) -> Iterator[str]:
    source = request.spec.model
    if source.image_family == "huggingface-llm" and request.spec.traffic.cpu_ms_per_request is None:
        yield (
            f"text is taken to be {traffic.TOKENS_PER_ANSWER:,.0f} tokens an answer, each of which reads all weights once "
            "(assumed): set traffic.cpu_ms_per_request to what you measured, or measure: greensage recommend"
        )


def _of_the_file(request: Request) -> Iterator[str]:
    spec = request.spec
    if spec.drift is not None:
        yield from _of_drift(request)
    if spec.model.not_optimized:
        yield f"optimize {spec.model.not_optimized}; until then the model is served as it is"
    if spec.schedule:
        yield "the estimate of a month does not follow schedule: it knows the traffic's pattern only"
    if not Path(spec.model.artifact).is_absolute() and spec.model.size_mb is None:
        named = parameters_mb(spec.model)
        what = "an s3:// artifact" if spec.model.artifact else "what the image, the hub or the package brings"
        taken = f"{named:,.0f} MB, by the parameters in its name at 16 bits" if named else "100 MB"
        yield f"the size of {what} is taken as {taken}; set model.size_mb"
    yield from _of_the_source(spec.model)
    for name in spec.model.secrets:
        yield f"model.secrets: the container has to read {name} itself, from the secret whose ARN is in {name}_SECRET_ARN"
    if spec.model.compiled_for == "inf1":
        yield "Inferentia 1 is legacy to its own SDK (Neuron 2.26 and later leave it out); prefer inf2"


def _of_the_source(model: ModelSource) -> Iterator[str]:
    if model.package:
        account = model.package.split(":")[4]
        yield (
            f"model.package: of account {account}. If you deploy to another, it has to let yours do "
            "sagemaker:DescribeModelPackage (of a group also ListModelPackages), pull from its repository, read the archive "
            "(s3:GetObject) and use their key (kms:Decrypt)"
        )
    if model.id:
        yield (
            f"model.id: each new instance fetches {model.id} from the Hugging Face hub; files in S3 (model.artifact: "
            "s3://...) start faster, and are there when the hub is not"
        )


def _of_drift(request: Request) -> Iterator[str]:
    spec = request.spec
    if spec.drift is not None and spec.drift.kpi:
        yield "KPIs are judged once labels lie below labels/ of the loop's bucket, in Model Monitor's ground truth format"
    if spec.retraining is None:
        yield "drift and KPIs only alert: a retraining section says how the model is trained again"
        return
    if spec.retraining.flexible_hours:
        yield "retraining.flexible_hours needs the hours of the grid: --intensity FILE.csv; without it a training starts at once"
    if spec.model.framework not in ("xgboost", "lightgbm", "sklearn", "onnx"):
        yield "the challenger is compared in greensage's serving image, which has to be able to load it"


def _of_the_network(request: Request) -> Iterator[str]:
    vpc = request.spec.vpc
    if vpc is None:
        return
    optional = ", ".join(vpc_endpoints(request.region, optional=True))
    yield (
        f"subnets without a NAT gateway need the VPC endpoint {', '.join(vpc_endpoints(request.region))}; code of your own "
        f"may need others, and careful people add {optional}"
    )
    if (vpc.zones if vpc.tags else len(vpc.subnets)) < 2:
        yield "vpc.subnets: AWS asks for at least two subnets in different zones (developer guide, host-vpc)"


def quotas_of(kind: Kind, item: InstanceType, scaling: ScalingPlan | None, request: Request) -> tuple[str, ...]:
    """Return the Service Quotas a deployment needs, with the value; accelerators often start at zero."""
    if hosting_kind(kind).answers == "files":
        count = getattr(request.spec.hosting, "instances", 1)
        return (f"{item.name} for transform job usage: at least {count}",)
    most = scaling.max_instances if scaling else 1
    # A blue/green update runs both fleets for a while.
    fleets = 1 + len(request.spec.variants) + (request.spec.shadow is not None)
    return (f"{item.name} for endpoint usage: at least {most * fleets}, and twice that while an update runs both fleets",)
