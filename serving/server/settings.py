"""What the environment says: SageMaker's variables and greensage's own, each with its default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import limits

_MIB = 1024 * 1024
# What a batch job means by 0, no limit, is this much here: the largest object that asynchronous endpoints take.
_MOST_MB = 1024
_LEVELS = ("ERROR", "WARNING", "INFO")


@dataclass(frozen=True)
class Settings:
    """`max_models` limits what a multi-model server keeps loaded; 0 leaves it to the memory.

    `cpus` decides how many processes serve a single model and how many threads predict in a multi-model one.
    `metrics_seconds`: how often figures are written, 0 never; `log_percent`: of how many requests a line is written;
    `run_as`: the user that the server becomes where it is started as root, 0 stays.
    """

    model_dir: Path = Path("/opt/ml/model")
    host: str = "0.0.0.0"  # noqa: S104 - a container's network is its own
    port: int = 8080
    cpus: int = 1
    multi_model: bool = False
    allow_pickle: bool = False
    allow_code: bool = False
    dataframe: bool = False
    program: str = "inference.py"
    trusted_types: tuple[str, ...] = ()
    max_payload_bytes: int = 25 * _MIB
    max_models: int = 0
    max_cells: int = 10_000_000
    max_connections: int = 1_000
    max_waiting: int = 1_000
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    drain_seconds: float = 25.0
    nan: str | None = None
    metrics_seconds: float = 0.0
    log_percent: float = 0.0
    log_level: str = "WARNING"
    run_as: int = 0
    capture_uri: str = ""
    capture_percent: float = 0.0
    capture_key: str = ""
    capture_models: Mapping[str, float] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """How many processes answer: one for each processor, but one for many models, so that each is held once."""
        return 1 if self.multi_model else self.cpus

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Return the settings; SAGEMAKER_* are SageMaker's, GREENSAGE_* ours. Raises ValueError with the variable."""
        trusted = environment.get("GREENSAGE_TRUSTED_TYPES", "")

        def number(name: str, default: float) -> float:
            try:
                return float(environment.get(name) or default)
            except ValueError:
                raise ValueError(f"{name} is no number: {environment[name]!r}") from None

        def level(name: str, default: str) -> str:
            found = (environment.get(name) or default).upper()
            if found not in _LEVELS:
                raise ValueError(f"{name} is {environment[name]!r}; allowed: {', '.join(_LEVELS).lower()}")
            return found

        payload = (number("SAGEMAKER_MAX_PAYLOAD_IN_MB", cls.max_payload_bytes / _MIB) or _MOST_MB) * _MIB
        return cls(
            model_dir=Path(environment.get("GREENSAGE_MODEL_DIR", "/opt/ml/model")),
            host=environment.get("GREENSAGE_BIND_HOST", cls.host),
            port=int(number("SAGEMAKER_BIND_TO_PORT", cls.port)),
            cpus=int(number("GREENSAGE_CPUS", limits.cpus())),
            multi_model=environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true",
            allow_pickle=environment.get("GREENSAGE_ALLOW_PICKLE") == "1",
            allow_code=environment.get("GREENSAGE_ALLOW_CODE") == "1",
            program=environment.get("SAGEMAKER_PROGRAM") or cls.program,
            dataframe=environment.get("GREENSAGE_DATAFRAME") == "1",
            trusted_types=tuple(name.strip() for name in trusted.split(",") if name.strip()),
            max_payload_bytes=int(number("GREENSAGE_MAX_PAYLOAD_BYTES", payload)),
            max_models=int(number("GREENSAGE_MAX_MODELS", 0)),
            max_cells=int(number("GREENSAGE_MAX_CELLS", cls.max_cells)),
            max_connections=int(number("GREENSAGE_MAX_CONNECTIONS", cls.max_connections)),
            max_waiting=int(number("GREENSAGE_MAX_WAITING", cls.max_waiting)),
            head_seconds=number("GREENSAGE_HEAD_SECONDS", cls.head_seconds),
            body_seconds=number("GREENSAGE_BODY_SECONDS", cls.body_seconds),
            drain_seconds=number("GREENSAGE_DRAIN_SECONDS", cls.drain_seconds),
            nan=environment.get("GREENSAGE_NAN"),
            metrics_seconds=number("GREENSAGE_METRICS_SECONDS", 0),
            log_percent=number("GREENSAGE_LOG_PERCENT", 0),
            log_level=level("GREENSAGE_LOG_LEVEL", cls.log_level),
            run_as=int(number("GREENSAGE_RUN_AS", 0)),
            capture_uri=environment.get("GREENSAGE_CAPTURE_URI", ""),
            capture_percent=number("GREENSAGE_CAPTURE_PERCENT", 0),
            capture_key=environment.get("GREENSAGE_CAPTURE_KMS_KEY", ""),
            capture_models=json.loads(environment.get("GREENSAGE_CAPTURE_MODELS", "{}")),
        )
