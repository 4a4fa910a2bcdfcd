"""How the winner of a retraining is made smaller and faster before it is registered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..catalog.instances import Architecture
from ..core.checked import check_choice
from ..endpoints.image import ContainerImage

# botocore 1.43.106, ProcessingEnvironmentValue.
_LONGEST_VALUE = 256


@dataclass(frozen=True)
class Optimization:
    """Has a job try what `greensage optimize` tries, on the training's own rows; where nothing legal is better, it stays.

    Parameters
    ----------
    image:
        greensage's serving image of the engine `optimize`, for x86_64: jobs have no Graviton.
    architecture:
        What the endpoint runs on; default arm64.
    load:
        one (default): what counts is one row at a time; many: a batch.
    limits:
        As `greensage.optimize.Limits` names them; default: its own.
    passes:
        Which to try; default: all that take the model.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    image: ContainerImage
    architecture: Architecture = "arm64"
    load: str = "one"
    limits: Mapping[str, float] = field(default_factory=dict[str, float])
    passes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_choice("architecture", self.architecture, ("arm64", "x86_64"))
        check_choice("load", self.load, ("one", "many"))
        if self.image.architecture != "x86_64":
            raise ValueError("image is arm64; jobs have no Graviton types (botocore, ProcessingInstanceType)")

    def asked(self, label: str) -> str:
        """Return what the job reads from its environment. Raises ValueError where it is too long for SageMaker."""
        asked = {"label": label, "for": self.architecture, "load": self.load, "limits": self.limits, "passes": self.passes}
        text = json.dumps({key: value for key, value in asked.items() if value}, separators=(",", ":"))
        if len(text) > _LONGEST_VALUE:
            raise ValueError(f"limits, passes and the label's name make {len(text)} of {_LONGEST_VALUE} characters")
        return text
