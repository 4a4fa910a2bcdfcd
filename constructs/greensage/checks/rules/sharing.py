"""Sharing: one endpoint per model where one endpoint would hold them all, and variants that nobody calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ...catalog.checks import assumed, cpu_framework, line
from .. import savings
from ..finding import Fail, Place
from ..impact import Impact, total
from ..rule import app_rule, rule
from ..template import Resource, Template
from ..values import Unresolved
from .shapes import config_of, images_of, instance_variants, model_of


class _Alone(NamedTuple):
    """An endpoint with one model on its own instances; `like` is what models must have in common to share."""

    place: Place
    region: str | None
    like: str
    saves: Impact | None


def _alone(template: Template) -> Iterator[_Alone]:
    for endpoint in template.of_type("AWS::SageMaker::Endpoint"):
        config = config_of(endpoint)
        rows = instance_variants(config) if config else []
        model = model_of(rows[0]) if len(rows) == 1 else None
        if model is None or model.has("Containers") or model.get("PrimaryContainer", "Mode") == "MultiModel":
            continue
        try:
            name = rows[0].get("InstanceType")
        except Unresolved:
            name = None
        image = images_of(model)[0]
        # Models on one framework's image, or on the very same image, can share a multi-model endpoint.
        like = cpu_framework(image) or image
        # Two images that only the deployment knows need not be the same.
        if like and like != "*":
            yield _Alone(
                endpoint.place, template.scope.region, like, savings.running(name, template.scope.region) if name else None
            )


@app_rule("GS-SHR01", "Models of one framework share an endpoint", collect=_alone)
def one_endpoint_for_many(
    facts: Iterable[_Alone], *, max_endpoints: int = line("separate_endpoints_max")
) -> Iterator[tuple[Place, Fail]]:
    """Said once per app and framework, at the first endpoint, because it concerns all of them."""
    groups: dict[tuple[str | None, str], list[_Alone]] = defaultdict(list)
    for fact in facts:
        groups[fact.region, fact.like].append(fact)
    for (_, like), alike in groups.items():
        if len(alike) > max_endpoints:
            names = ", ".join(fact.place.resource for fact in alike)
            known = [fact.saves for fact in alike if fact.saves]
            share = assumed("share_of_endpoint")
            saves = (total(known) * share.value).widened(share.factor) if known else None
            yield (
                alike[0].place,
                Fail(
                    f"{len(alike)} endpoints serve one model each on {like}: one multi-model endpoint, or "
                    f"inference components, would hold them ({names})",
                    ("Properties",),
                    saves,
                ),
            )


@rule("GS-SHR02", "Every variant gets traffic", "AWS::SageMaker::EndpointConfig")
def variants_with_traffic(config: Resource) -> Iterator[Fail]:
    for variant in config.list("ProductionVariants"):
        if not variant.has("ServerlessConfig") and variant.number("InitialVariantWeight", default=1) == 0:
            name = variant.get("InstanceType", default="its instances")
            count = variant.number("InitialInstanceCount", default=1) or 1
            found = savings.running(name, config.region)
            yield variant.fails(
                f"gets no traffic (weight 0) and keeps {name} running",
                "InitialVariantWeight",
                saves=found * count if found else None,
            )


@rule("GS-SHR03", "Multi-model endpoints cache their models", "AWS::SageMaker::Model")
def multi_model_cache(model: Resource) -> Iterator[Fail]:
    rows = [model.get("PrimaryContainer"), *model.list("Containers")]
    for row in rows:
        if row is not None and row.get("MultiModelConfig", "ModelCacheSetting") == "Disabled":
            yield row.fails(
                "loads the model anew for each request, because its cache is off",
                "MultiModelConfig",
                "ModelCacheSetting",
                fix="Enabled",
            )
