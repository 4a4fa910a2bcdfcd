"""What an edge deployment needs to know: device groups, and a format that the devices can run."""

from __future__ import annotations

from difflib import get_close_matches

from ..catalog._data import load
from ..catalog.neo import neo_devices, neo_framework
from ..spec import EdgeHosting
from .context import Request
from .types import Choice

_OF_THE_SERVER = ("onnx", "xgboost", "lightgbm", "sklearn")


def check_edge(request: Request) -> Choice:
    """Return how the model gets onto the devices; PlanError where it cannot."""
    hosting = request.spec.hosting
    assert isinstance(hosting, EdgeHosting)
    if not hosting.device_groups:
        raise request.refuse("hosting", "edge hosting needs the groups of devices", allowed="device_groups: [NAME, …]",
                             hint="the names of AWS IoT thing groups")  # fmt: skip
    regions: list[str] = load("greengrass")["regions"]
    if request.region not in regions:
        near = ", ".join(name for name in regions if name.split("-")[0] == request.region.split("-")[0])
        raise request.refuse("region.allowed", f"Greengrass v2 is not in {request.region} (CloudFormation's resource types)",
                             found=request.region, allowed=near or ", ".join(regions))  # fmt: skip
    framework = request.spec.model.framework
    if hosting.device is not None:
        return _compiled(request, hosting)
    if request.spec.model.dataframe:
        raise request.refuse("model.dataframe", "the component has no pandas", hint="export the pipeline to ONNX")
    if framework not in _OF_THE_SERVER:
        raise request.refuse("model.framework", "the component runs models with ONNX Runtime or a tree library",
                             found=framework, allowed=", ".join(_OF_THE_SERVER), hint="export it to ONNX")  # fmt: skip
    return Choice("optimized", framework, "runs as it is; hosting.device would compile it with Neo where that is supported")


def _compiled(request: Request, hosting: EdgeHosting) -> Choice:
    neo = load("neo")
    devices, kind = neo_devices(), neo_framework(request.spec.model.framework)
    device, framework = str(hosting.device), request.spec.model.framework
    if device not in devices:
        near = get_close_matches(device, devices, n=1)
        raise request.refuse("hosting.device", f"Neo does not compile for it ({neo['devices_source']})", found=device,
                             allowed=", ".join(devices), hint=f"{near[0]}?" if near else "ONNX without it")  # fmt: skip
    if kind is None:
        raise request.refuse("model.framework", f"Neo does not compile {framework} ({neo['frameworks_source']})", found=framework,
                             allowed=", ".join(neo["frameworks"]), hint="leave out hosting.device and use ONNX")  # fmt: skip
    if hosting.input_shape is None and framework != "xgboost":
        raise request.refuse("hosting.device", "Neo needs the shape of the input", allowed="input_shape: '{\"input\": [1, 64]}'")
    versions = neo["frameworks"][framework]["versions"]
    return Choice("optimized", f"Neo for {device}", f"Neo compiles {framework} {versions} ({neo['frameworks_source']})")
