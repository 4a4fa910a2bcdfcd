"""A network that several model files share: ids in a file of their own, by Region where there are several."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from ..errors import Problem, SpecError
from ..narrow import is_mapping
from .model import ModelSpec
from .parts import VpcSpec
from .source import Located, read_yaml

_WANTED = "subnets and security_groups, lists of ids; or a Region's name above each such pair"


def with_network(spec: ModelSpec, file: Path, located: Located) -> ModelSpec:
    """Return `spec` with the ids of the file that `vpc.file` names; as it is where it names none. Raises SpecError."""
    if spec.vpc is None or spec.vpc.file is None:
        return spec
    at = ("vpc", "file")
    path = file.parent / spec.vpc.file
    if not path.is_file():
        raise SpecError([located.problem(at, "the file does not exist", found=spec.vpc.file, allowed=_WANTED)])
    found = read_yaml(path, str(path)).content
    if "subnets" not in found:
        found = _of_the_region(spec, found, path, located)
    try:
        network = VpcSpec.model_validate(found)
        if network.file is not None:
            raise SpecError([located.problem(at, f"{path.name} names another file", allowed=_WANTED)])
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ").partition(" | ")[0]
        raise SpecError([located.problem(at, f"{path.name} names no network: {said}", allowed=_WANTED)]) from None
    return spec.model_copy(update={"vpc": network})


def _of_the_region(spec: ModelSpec, found: dict[str, object], path: Path, located: Located) -> object:
    allowed, at = spec.region.allowed, ("vpc", "file")
    if len(allowed) != 1:
        message, hint = f"{path.name} names networks by Region, and the model may go to several", "region: {allowed: [ONE]}"
        raise SpecError([located.problem(at, message, found=", ".join(allowed), hint=hint)])
    if not is_mapping(found.get(allowed[0])):
        problem: Problem = located.problem(
            at, f"{path.name} names no network in {allowed[0]}", found=", ".join(found) or "nothing", allowed=_WANTED
        )
        raise SpecError([problem])
    return found[allowed[0]]
