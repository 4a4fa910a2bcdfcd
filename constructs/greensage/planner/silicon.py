"""Which silicon and image: Graviton unless the artifact, the framework, the image or the user rules it out."""

from __future__ import annotations

import re

from ..catalog.images import SERVED_FRAMEWORKS, PrebuiltImage, accelerated_images, prebuilt_image, prebuilt_images
from ..catalog.instances import Architecture, Processor, candidates, why_graviton
from ..catalog.kinds import hosting_kind
from ..spec import ModelSource
from .context import Request
from .engine import engine_of
from .types import Choice, ImagePlan, Kind, Rejected

_ECR_URI = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/[a-z0-9._/-]+([:@][A-Za-z0-9:._-]+)?$")
# A registry of one's own: a host with a dot or a port, and no account of ECR's.
_REGISTRY = re.compile(r"^[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?/[a-z0-9._/-]+([:@][A-Za-z0-9:._-]+)?$")
# AWS has no CPU image of these.
GPU_ONLY = ("triton", "huggingface-llm")
_NEURON_SDK = "compile it with the AWS Neuron SDK and set model.compiled_for: inf2 (or inf1, trainium)"


def choose_image(request: Request, kind: Kind, source: ModelSource | None = None, at: str = "model") -> tuple[ImagePlan, Choice]:
    """Return the image with its architecture, and why; of `source`, which stands at `at`, or of the spec's model.

    Raises PlanError when what the spec asks for does not exist: a prebuilt image for Graviton, an image
    of a version or in a Region where AWS has none, an architecture that contradicts the image.
    """
    if hosting_kind(kind).runs_on == "devices":
        return ImagePlan("serving", "arm64"), Choice("silicon", "the devices'", "the component runs on Linux of any architecture")
    return _Chooser(request, kind, source or request.spec.model, at).choose()


def silicon_of(request: Request, source: ModelSource) -> str:
    """Return what the spec and the artifact ask for: auto, graviton, x86, gpu, inf1, inf2 or trainium."""
    asked, compiled = request.spec.silicon, source.compiled_for
    if asked == "inferentia":
        return compiled if compiled in ("inf1", "inf2") else "inf2"
    if asked == "auto":
        return compiled or ("gpu" if source.image_family in GPU_ONLY else "auto")
    return asked


class _Chooser:
    """The questions about one container's image, asked in order."""

    def __init__(self, request: Request, kind: Kind, source: ModelSource, at: str) -> None:
        self._request, self._kind, self._source, self._at = request, kind, source, at
        self._silicon = silicon_of(request, source)

    def choose(self) -> tuple[ImagePlan, Choice]:
        self._check_compiled()
        if self._source.package is not None:
            if self._at != "model":
                raise self._request.refuse(f"{self._at}.package", "a package is the main model of an endpoint, not one beside it",
                                           hint="a file of its own")  # fmt: skip
            return self._packaged()
        origin = self._origin()
        if origin == "custom":
            return self._custom()
        if self._silicon in ("gpu", "inf1", "inf2", "trainium"):
            return self._accelerated()
        if self._silicon == "x86":
            return self._image(origin, "x86_64"), Choice(
                "silicon", "x86_64", "silicon: x86 in the spec", (Rejected("Graviton", "ruled out by the spec"),)
            )
        why_not = hosting_kind(self._kind).no_graviton
        # Only auto gives way here: a file that names Graviton hears from the capability matrix.
        if why_not and self._silicon == "auto":
            return self._image(origin, "x86_64"), Choice("silicon", "x86_64", why_not, (Rejected("Graviton", why_not),))
        if self._silicon == "auto" and not candidates("arm64", self._request.region):
            why = f"{self._request.region} hosts no Graviton types"
            return self._image(origin, "x86_64"), Choice("silicon", "x86_64", why, (Rejected("Graviton", why),))
        if origin == "serving" or self._prebuilt("arm64") is not None:
            reason = "Graviton by default; " + (
                "greensage's serving image is built for arm64"
                if origin == "serving"
                else "AWS has a prebuilt arm64 image of this version"
            )
            return self._image(origin, "arm64"), Choice(
                "silicon", "Graviton (arm64)", reason, (Rejected("x86_64", why_graviton()),)
            )
        return self._prebuilt_without_graviton()

    def _check_compiled(self) -> None:
        """A Neuron artifact runs on its own silicon only, and that silicon runs nothing else."""
        compiled, silicon = self._source.compiled_for, self._silicon
        needed = {"inf1": "inf1", "inf2": "inf2", "trainium": "trainium"}.get(silicon)
        if needed and compiled != needed:
            raise self._request.refuse(
                f"{self._at}.compiled_for", f"{silicon} runs only artifacts compiled for it by Neuron (AWS Neuron documentation)",
                found=compiled or "not compiled", allowed=needed, hint=_NEURON_SDK,
            )  # fmt: skip
        if compiled and silicon != compiled:
            raise self._request.refuse(
                f"{self._at}.compiled_for", f"a Neuron artifact does not run on {silicon}", found=compiled,
                hint="silicon: auto, or the artifact before compilation",
            )  # fmt: skip

    def _origin(self) -> str:
        image, framework = self._source.image, self._source.framework
        if image in ("serving", "prebuilt"):
            if image == "serving" and framework not in SERVED_FRAMEWORKS:
                raise self._request.refuse(
                    f"{self._at}.image", f"greensage's serving image does not load {framework}", found=image,
                    allowed=f"serving with {', '.join(SERVED_FRAMEWORKS)}", hint="image: prebuilt",
                )  # fmt: skip
            return image
        if image != "auto":
            return "custom"
        return "serving" if framework in SERVED_FRAMEWORKS else "prebuilt"

    def _custom(self) -> tuple[ImagePlan, Choice]:
        request, uri, architecture = self._request, self._source.image, self._source.image_architecture
        private = not _ECR_URI.match(uri)
        if private:
            self._check_registry(uri)
        if architecture is None:
            raise request.refuse(f"{self._at}.image", "an image of your own needs model.image_architecture: an image on the "
                                 "wrong silicon fails with 'exec format error'", allowed="arm64 or x86_64")  # fmt: skip
        wanted = {"graviton": "arm64", "auto": architecture}.get(self._silicon, "x86_64")
        if wanted != architecture:
            raise request.refuse("silicon", f"the image is built for {architecture}", found=request.spec.silicon)
        processor = _PROCESSORS.get(self._silicon, "cpu")
        made = ImagePlan("custom", architecture, uri, processor)
        if private:
            made = ImagePlan("registry", architecture, uri, processor, credentials=self._source.registry_credentials)
        return made, Choice("silicon", architecture, "the image was built for it")

    def _packaged(self) -> tuple[ImagePlan, Choice]:
        """What a package was built for is known when it is deployed only; AWS's images are mostly of x86_64."""
        source, wanted = self._source, {"graviton": "arm64", "auto": None}.get(self._silicon, "x86_64")
        architecture: Architecture = source.image_architecture or ("arm64" if wanted == "arm64" else "x86_64")
        if wanted not in (None, architecture):
            raise self._request.refuse("silicon", f"the package's image is built for {architecture}", found=self._silicon)
        why = (
            "the package's image was built for it"
            if source.image_architecture
            else ("most packages are for x86_64, and this one is known when it is deployed only: model.image_architecture")
        )
        return ImagePlan("package", architecture, processor=_PROCESSORS.get(self._silicon, "cpu")), Choice(
            "silicon", architecture, why
        )

    def _check_registry(self, uri: str) -> None:
        """An image outside of ECR is pulled through the VPC of an endpoint of the model's own."""
        request, at, host = self._request, f"{self._at}.image", uri.split("/")[0]
        if not (_REGISTRY.match(uri) and ("." in host or ":" in host)):
            raise request.refuse(at, "neither a choice nor the URI of an image", found=uri,
                                 allowed="auto, serving, prebuilt, ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG, or "
                                 "REGISTRY.EXAMPLE.COM/NAME:TAG with vpc")  # fmt: skip
        if request.spec.vpc is None:
            raise request.refuse(at, "an image outside of ECR is pulled through a VPC, and the file names none (developer guide, "
                                 "Use a Private Docker Registry for Real-Time Inference Containers)", found=uri,
                                 hint="vpc: {subnets: [...], security_groups: [...]}; or the image in ECR")  # fmt: skip

    def _accelerated(self) -> tuple[ImagePlan, Choice]:
        processor, source = _PROCESSORS[self._silicon], self._source
        images = accelerated_images(source.image_family, processor)
        chosen = images[-1] if images and source.version is None else None
        chosen = chosen or next((item for item in images if item.version == source.version), None)
        if chosen is None:
            have = ", ".join(dict.fromkeys(item.version for item in images)) or f"no version of {source.image_family}"
            raise self._request.refuse(
                f"{self._at}.version", f"AWS has no {self._silicon} image of {source.image_family} in this version",
                found=str(source.version), allowed=have, hint="image: the URI of an image of your own",
            )  # fmt: skip
        why = f"the artifact was compiled for {self._silicon}" if processor != "gpu" else "silicon: gpu in the spec"
        others = (Rejected("Graviton", "ruled out by the artifact" if processor != "gpu" else "ruled out by the spec"),)
        return self._located(chosen), Choice("silicon", self._silicon, why, others)

    def _prebuilt_without_graviton(self) -> tuple[ImagePlan, Choice]:
        model = self._source
        have = ", ".join(image.version for image in prebuilt_images(model.image_family, "arm64")) or "none"
        why = f"AWS has no prebuilt arm64 image of {model.image_family} {model.version or ''} (it has: {have})".replace("  ", " ")
        if self._silicon == "graviton":
            hint = "image: serving" if model.framework in SERVED_FRAMEWORKS else f"one of the versions {have}"
            raise self._request.refuse("silicon", why, found="graviton", hint=hint)
        return self._image("prebuilt", "x86_64"), Choice("silicon", "x86_64", why, (Rejected("Graviton", why),))

    def _image(self, origin: str, architecture: Architecture) -> ImagePlan:
        if origin == "serving":
            return ImagePlan("serving", architecture, engine=engine_of(self._request.spec, self._source))
        model = self._source
        image = self._prebuilt(architecture)
        if image is None:
            have = ", ".join(item.version for item in prebuilt_images(model.image_family, architecture)) or "none"
            raise self._request.refuse(
                f"{self._at}.version", f"AWS has no prebuilt {architecture} image of {model.image_family} in this version",
                found=str(model.version), allowed=have,
            )  # fmt: skip
        return self._located(image)

    def _located(self, image: PrebuiltImage) -> ImagePlan:
        uri = image.uri(self._request.region)
        if uri is None:
            message = f"AWS does not publish {image.repository}:{image.tag} there"
            raise self._request.refuse("region.allowed", message, found=self._request.region)
        return ImagePlan("prebuilt", image.architecture, uri, image.processor)

    def _prebuilt(self, architecture: Architecture) -> PrebuiltImage | None:
        return prebuilt_image(self._source.image_family, self._source.version, architecture)


_PROCESSORS: dict[str, Processor] = {"gpu": "gpu", "inf1": "inf1", "inf2": "neuronx", "trainium": "neuronx"}
