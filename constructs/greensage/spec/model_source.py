"""What a model of a file is made of, its container included: an archive, an image, a model of a hub, or a package."""

from __future__ import annotations

import re
from typing import Any, Literal, Self, get_args

from pydantic import AliasChoices, Field, PrivateAttr, field_validator, model_validator

from ..catalog import limits
from ..catalog.optimized import Cost
from ..core import defaults
from ..narrow import is_mapping
from .parts import Name, Part

Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
HUGGING_FACE = "huggingface"
ENTRY_POINT = "inference.py"
# What an image of the user's own brings with it.
OTHER = "other"
Framework = Literal[
    "xgboost", "lightgbm", "sklearn", "onnx", "pytorch", "tensorflow", "triton", "huggingface", "catboost", "other"
]


# What containers call their secrets, and what such values begin with.
_SECRET_NAME = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY(_ID)?|SECRET_KEY|PRIVATE_KEY|CREDENTIALS?)$")
# Of tokenizers.
_NO_SECRET = re.compile(r"(^|_)(PAD|EOS|BOS|UNK|SEP|CLS|MASK|STOP|MAX|MIN)_TOKEN$")
_SECRET_VALUE = re.compile(r"^(hf_|sk-|ghp_|github_pat_|glpat-|AKIA|ASIA|xox[abp]-|AIza)[A-Za-z0-9_\-]{6,}")
_PACKAGE = r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package(-group/[A-Za-z0-9-]{1,63}|/[A-Za-z0-9-]{1,63}(/\d{1,9})?)$"
_FUNCTION = r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]+)?$"
_SECRET_ARN = re.compile(r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$")


def looks_like_a_secret(name: str, text: str) -> bool:
    """Return whether a variable looks like one that must not stand in a template: by its name, or by what it begins with."""
    if not text or text.startswith(("arn:", "{{resolve:")):
        return False
    named = bool(_SECRET_NAME.search(name.upper())) and not _NO_SECRET.search(name.upper())
    return named or bool(_SECRET_VALUE.match(text))


class ModelSource(Part):
    """A trained model and the container that serves it."""

    artifact: str = Field(
        default="",
        description="Path of a model.tar.gz, relative to this file, or an s3:// URI. Not needed with an image of your own.",
    )
    framework: Framework = Field(
        default=OTHER,
        description="What the model was trained with; triton: a Triton model repository. Not needed with an image of your own.",
    )  # fmt: skip
    id: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$", max_length=200,
        description="Of a model on the Hugging Face hub, which the container fetches when it starts; in place of artifact.",
    )  # fmt: skip
    task: str | None = Field(
        default=None, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        description="What a Hugging Face model does, such as text-classification; text-generation: in the image made for it.",
    )  # fmt: skip
    package: str | None = Field(
        default=None, validation_alias=AliasChoices("package", "model_package_arn"), pattern=_PACKAGE,
        description="ARN of a model package (a version) of the Model Registry, in place of artifact, framework and image; or of "
        "a model package group, whose newest approved version is taken at each deployment.",
    )  # fmt: skip
    accept_eula: bool = Field(
        default=False, description="You accept the end-user licence of the weights, which JumpStart's gated archives ask for."
    )
    code: str | None = Field(
        default=None, min_length=1, validation_alias=AliasChoices("code", "source_dir"),
        description="Folder with inference.py, relative to this file; packed into the archive. Implies allow_code.",
    )  # fmt: skip
    entry_point: str = Field(
        default=ENTRY_POINT, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]*\.py$", description="The file of code that containers run."
    )
    version: str | None = Field(
        default=None,
        description="Version of AWS's prebuilt image, for instance '3.0-5'; in quotes. Not needed for greensage's own.",
    )
    image: str = Field(
        default="auto",
        description="auto: greensage's serving image where it serves the framework, else AWS's; serving; prebuilt; "
        "or the URI of an image of your own: in ECR, or in a registry of yours that is reached through vpc.",
    )
    registry_credentials: str | None = Field(
        default=None, pattern=_FUNCTION,
        description="ARN of the Lambda function that knows name and password of the registry. Default: it asks for none.",
    )  # fmt: skip
    image_architecture: Literal["arm64", "x86_64"] | None = Field(
        default=None, description="Needed with an image of your own: what it was built for."
    )
    source_kms_key_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:kms:",
        description="What the archive in S3 is encrypted with, where that is a KMS key of yours. Default: S3's own keys.",
    )  # fmt: skip
    compiled_for: Literal["inf1", "inf2", "trainium"] | None = Field(
        default=None, description="The artifact was compiled with the Neuron SDK for this silicon, and runs on nothing else."
    )
    allow_pickle: bool = Field(
        default=False, description="Load a pickle or joblib file. It runs code: only for files you made yourself."
    )
    dataframe: bool = Field(
        default=False, description="The scikit-learn pipeline takes a pandas DataFrame: columns by name, text among them."
    )
    allow_code: bool = Field(
        default=False,
        description="Run code that the archive brings: trees that greensage optimize compiled. Only for files you made yourself.",
    )
    size_mb: float | None = Field(
        default=None, gt=0, le=limits.MODEL_SIZE_MB, description="Size of the artifact in MB, for s3:// artifacts (default 100)."
    )
    memory_mb: float | None = Field(
        default=None, gt=0, le=2_000_000,
        description="What it takes when loaded, as measured, in MB; of a GPU's memory where it runs on one. Default: estimated.",
    )  # fmt: skip
    precision: Precision | None = Field(
        default=None, description="What a GPU holds the weights in, where the container converts them; of files in 16 bits."
    )
    # SageMaker takes 100; the rest is for what greensage sets itself.
    environment: dict[str, str] = Field(default_factory=dict, max_length=80, description="For the container; no secrets.")
    secrets: dict[str, str] = Field(
        default_factory=dict, max_length=10,
        description="ARNs of Secrets Manager by names: the container gets NAME_SECRET_ARN, and its role may read the secret.",
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _hub_implies_its_framework(cls, value: Any) -> Any:
        """A model of the hub needs no word more than its id."""
        if is_mapping(value) and "id" in value and not {"framework", "image"} & value.keys():
            return {**value, "framework": HUGGING_FACE}
        return value

    @field_validator("environment")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if looks_like_a_secret(name, text):
                raise ValueError(
                    f"{name} looks like a secret, and would stand in the template and in DescribeModel | secrets: {{{name}: ARN "
                    f"of Secrets Manager}}, which the container reads at run time by {name}_SECRET_ARN; or the model in S3 "
                    "(artifact: s3://BUCKET/PREFIX/), so that it needs none"
                )
        return value

    @field_validator("secrets")
    @classmethod
    def _by_reference(cls, value: dict[str, str]) -> dict[str, str]:
        for name, arn in value.items():
            if not _SECRET_ARN.match(arn):
                raise ValueError(
                    f"{name} is no ARN of Secrets Manager | arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-ABCDEF"
                )
        return value

    @model_validator(mode="after")
    def _something_to_serve(self) -> Self:
        if self.package is not None:
            self._only_the_package()
            return self
        if self.accept_eula and (self.code or not self.artifact.startswith("s3://")):
            raise ValueError(
                "accept_eula is for an archive or prefix in S3 that is served where it lies | artifact: s3://..., no code"
            )
        if self.source_kms_key_arn and not self.artifact.startswith("s3://"):
            raise ValueError("source_kms_key_arn is for an archive in S3 | artifact: s3://..., or leave it out")
        own = self.image not in ("auto", "serving", "prebuilt")
        if self.dataframe and self.framework != "sklearn":
            raise ValueError(f"dataframe is for scikit-learn pipelines, not for {self.framework} | leave it out")
        hub = self._of_the_hub()
        has = (("artifact", self.artifact or hub), ("framework", self.framework != OTHER))
        missing = [key for key, given in has if not given]
        if missing and not own:
            examples = {"artifact": "a path or s3:// URI", "framework": ", ".join(get_args(Framework)[:-1])}
            shown = "; ".join(f"{key}: {examples[key]}" for key in missing)
            raise ValueError(f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing | {shown}")
        return self

    def _of_the_hub(self) -> bool:
        """Return whether the container fetches the model from the Hugging Face hub."""
        if self.id is not None and (self.framework != HUGGING_FACE or self.artifact):
            wrong = "artifact" if self.artifact else f"framework: {self.framework}"
            raise ValueError(
                f"id is of the Hugging Face hub, and cannot stand beside {wrong} | framework: {HUGGING_FACE}, no artifact"
            )
        if self.task is not None and self.framework != HUGGING_FACE:
            raise ValueError(f"task is for framework: {HUGGING_FACE} | leave it out")
        return self.id is not None or (self.framework == HUGGING_FACE and "HF_MODEL_ID" in self.environment)

    def _only_the_package(self) -> None:
        """A package names its image and archive itself."""
        others = {
            "id": self.id is not None, "task": self.task is not None, "artifact": bool(self.artifact),
            "framework": self.framework != OTHER, "image": self.image != "auto",
            "code": self.code is not None, "version": self.version is not None, "compiled_for": self.compiled_for is not None,
            "accept_eula": self.accept_eula, "source_kms_key_arn": self.source_kms_key_arn is not None,
            "registry_credentials": self.registry_credentials is not None,
        }  # fmt: skip
        given = [key for key, there in others.items() if there]
        if given:
            raise ValueError(f"{', '.join(given)} cannot stand beside package, which brings image, archive and licence | "
                             "leave out the one or the other")  # fmt: skip

    # What greensage optimize measured; not of the file, so no fields.
    _cost: Cost | None = PrivateAttr(default=None)
    _given: ModelSource | None = PrivateAttr(default=None)
    _not_optimized: str = PrivateAttr(default="")

    @property
    def image_family(self) -> str:
        """What the catalog calls AWS's images for it: the framework, or the one of Hugging Face that generates text."""
        generates = self.framework == HUGGING_FACE and self.task == "text-generation"
        return "huggingface-llm" if generates else self.framework

    @property
    def variables(self) -> dict[str, str]:
        """What the file says that the container reads from its environment, but for secrets."""
        made: dict[str, str] = {}
        if self.framework == HUGGING_FACE:
            # The image that generates text does not start without it (text-generation-inference, sagemaker-entrypoint.sh).
            local = "/opt/ml/model" if self.artifact and self.image_family != self.framework else None
            given = {"HF_MODEL_ID": self.id or local, "HF_TASK": self.task if self.image_family == self.framework else None}
            made |= {name: text for name, text in given.items() if text}
        if self.entry_point != ENTRY_POINT:
            made["SAGEMAKER_PROGRAM"] = self.entry_point
        return {**made, **self.environment}

    @property
    def cost(self) -> Cost | None:
        """What greensage optimize measured of this archive, if it did."""
        return self._cost

    @property
    def given(self) -> ModelSource | None:
        """What this optimized source was made from; None for one that is as it was given."""
        return self._given

    @property
    def not_optimized(self) -> str:
        """Why `optimize` of the model file has no effect; empty where it has, or is not there."""
        return self._not_optimized

    def with_cost(self, cost: Cost | None, given: ModelSource | None = None, not_optimized: str = "") -> Self:
        """Return a copy with what was measured, what it was made from, or why nothing was."""
        copy = self.model_copy()
        copy._cost, copy._given, copy._not_optimized = cost, given, not_optimized
        return copy


class VariantSpec(Part):
    """One more production variant beside the main one, with its share of the traffic."""

    name: Name
    weight: float = Field(gt=0, description="Share of the traffic, relative to the others; the main variant's is hosting.weight.")
    model: ModelSource


class ShadowSpec(Part):
    """A model that gets a copy of the traffic; its answers are thrown away, its metrics and captures are kept."""

    traffic_percent: float = Field(
        default=defaults.SHADOW_PERCENT, gt=0, le=100, description="Share of the requests that are copied."
    )
    model: ModelSource
