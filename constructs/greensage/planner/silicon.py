"""Which silicon and image: Graviton unless the framework, the image or the user rules it out."""

from __future__ import annotations

import re

from ..catalog.images import SERVED_FRAMEWORKS, PrebuiltImage, prebuilt_image, prebuilt_images
from ..catalog.instances import Architecture, why_graviton
from .context import Request
from .types import Choice, ImagePlan, Kind, Rejected

_ECR_URI = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/[a-z0-9._/-]+([:@][A-Za-z0-9:._-]+)?$")


def choose_image(request: Request, kind: Kind) -> tuple[ImagePlan, Choice]:
    """Return the image with its architecture, and why.

    Raises PlanError when what the spec asks for does not exist: a prebuilt image for Graviton, an image
    of a version or in a Region where AWS has none, an architecture that contradicts the image.
    """
    source = _origin(request)
    if source == "custom":
        return _custom(request, kind)
    if kind == "serverless":
        return _serverless(request, source)
    if request.spec.silicon == "x86":
        return _image(request, source, "x86_64"), Choice(
            "silicon", "x86_64", "silicon: x86 in the spec", (Rejected("Graviton", "ruled out by the spec"),)
        )
    if source == "serving" or _prebuilt(request, "arm64") is not None:
        reason = "Graviton by default; " + (
            "greensage's serving image is built for arm64"
            if source == "serving"
            else "AWS has a prebuilt arm64 image of this version"
        )
        return _image(request, source, "arm64"), Choice("silicon", "Graviton (arm64)", reason, (_x86_loses(),))
    return _prebuilt_without_graviton(request)


def _origin(request: Request) -> str:
    image, framework = request.spec.model.image, request.spec.model.framework
    if image in ("serving", "prebuilt"):
        if image == "serving" and framework not in SERVED_FRAMEWORKS:
            raise request.refuse(
                "model.image", f"greensage's serving image does not load {framework}", found=image,
                allowed=f"serving with {', '.join(SERVED_FRAMEWORKS)}", hint="image: prebuilt",
            )  # fmt: skip
        return image
    if image != "auto":
        return "custom"
    return "serving" if framework in SERVED_FRAMEWORKS else "prebuilt"


def _custom(request: Request, kind: Kind) -> tuple[ImagePlan, Choice]:
    uri, architecture = request.spec.model.image, request.spec.model.image_architecture
    if not _ECR_URI.match(uri):
        raise request.refuse("model.image", "neither a choice nor the URI of an ECR image", found=uri,
                             allowed="auto, serving, prebuilt, or ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG")  # fmt: skip
    if architecture is None:
        raise request.refuse("model.image", "an image of your own needs model.image_architecture: an image on the "
                             "wrong silicon fails with 'exec format error' after minutes", allowed="arm64 or x86_64")  # fmt: skip
    wanted = {"graviton": "arm64", "x86": "x86_64"}.get(request.spec.silicon, architecture)
    if wanted != architecture:
        raise request.refuse("silicon", f"the image is built for {architecture}", found=request.spec.silicon)
    if kind == "serverless" and architecture == "arm64":
        raise request.refuse("model.image_architecture", "no source says that serverless hosting runs arm64 images",
                             found="arm64", allowed="x86_64, or another hosting kind")  # fmt: skip
    return ImagePlan("custom", architecture, uri), Choice("silicon", architecture, "the image was built for it")


def _serverless(request: Request, source: str) -> tuple[ImagePlan, Choice]:
    if request.spec.silicon == "graviton":
        raise request.refuse("silicon", "no source says that serverless hosting runs on Graviton", found="graviton",
                             allowed="auto or x86, or hosting: real-time")  # fmt: skip
    why = "no source says that serverless hosting runs arm64 images"
    return _image(request, source, "x86_64"), Choice("silicon", "x86_64", why, (Rejected("Graviton", why),))


def _prebuilt_without_graviton(request: Request) -> tuple[ImagePlan, Choice]:
    model = request.spec.model
    have = ", ".join(image.version for image in prebuilt_images(model.framework, "arm64")) or "none"
    why = f"AWS has no prebuilt arm64 image of {model.framework} {model.version or ''} (it has: {have})".replace("  ", " ")
    if request.spec.silicon == "graviton":
        hint = "image: serving" if model.framework in SERVED_FRAMEWORKS else f"one of the versions {have}"
        raise request.refuse("silicon", why, found="graviton", hint=hint)
    return _image(request, "prebuilt", "x86_64"), Choice("silicon", "x86_64", why, (Rejected("Graviton", why),))


def _image(request: Request, source: str, architecture: Architecture) -> ImagePlan:
    if source == "serving":
        return ImagePlan("serving", architecture)
    model = request.spec.model
    image = _prebuilt(request, architecture)
    if image is None:
        have = ", ".join(item.version for item in prebuilt_images(model.framework, architecture)) or "none"
        raise request.refuse("model.version", f"AWS has no prebuilt {architecture} image of {model.framework} in this version",
                             found=str(model.version), allowed=have)  # fmt: skip
    uri = image.uri(request.region)
    if uri is None:
        raise request.refuse("region.allowed", f"AWS does not publish {image.repository}:{image.tag} there", found=request.region)
    return ImagePlan("prebuilt", architecture, uri)


def _prebuilt(request: Request, architecture: Architecture) -> PrebuiltImage | None:
    return prebuilt_image(request.spec.model.framework, request.spec.model.version, architecture)


def _x86_loses() -> Rejected:
    return Rejected("x86_64", why_graviton())
