"""What the environment says: SageMaker's variables and greensage's own, each with its default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`max_models` limits what a multi-model server keeps loaded; 0 leaves it to the memory."""

    model_dir: Path = Path("/opt/ml/model")
    host: str = "0.0.0.0"  # noqa: S104 - a container's network is its own
    port: int = 8080
    multi_model: bool = False
    allow_pickle: bool = False
    trusted_types: tuple[str, ...] = ()
    max_payload_bytes: int = 26_214_400
    max_models: int = 0
    capture_uri: str = ""
    capture_percent: float = 0.0
    capture_key: str = ""
    capture_models: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Return the settings; SAGEMAKER_* are SageMaker's, GREENSAGE_* ours."""
        trusted = environment.get("GREENSAGE_TRUSTED_TYPES", "")
        return cls(
            model_dir=Path(environment.get("GREENSAGE_MODEL_DIR", "/opt/ml/model")),
            host=environment.get("GREENSAGE_BIND_HOST", cls.host),
            port=int(environment.get("SAGEMAKER_BIND_TO_PORT", cls.port)),
            multi_model=environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true",
            allow_pickle=environment.get("GREENSAGE_ALLOW_PICKLE") == "1",
            trusted_types=tuple(name.strip() for name in trusted.split(",") if name.strip()),
            max_payload_bytes=int(environment.get("GREENSAGE_MAX_PAYLOAD_BYTES", cls.max_payload_bytes)),
            max_models=int(environment.get("GREENSAGE_MAX_MODELS", "0")),
            capture_uri=environment.get("GREENSAGE_CAPTURE_URI", ""),
            capture_percent=float(environment.get("GREENSAGE_CAPTURE_PERCENT", "0")),
            capture_key=environment.get("GREENSAGE_CAPTURE_KMS_KEY", ""),
            capture_models=json.loads(environment.get("GREENSAGE_CAPTURE_MODELS", "{}")),
        )
