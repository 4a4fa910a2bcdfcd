"""Inference components: models that share an endpoint's instances, each with its own copies, down to zero."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from ..catalog.instances import instance
from ..planner.placement import Share, capacity_of, place
from . import ministack_api as cloud
from . import ministack_services as services
from .hosted import Hosted, log_writer
from .ministack_api import Answer
from .outcomes import model_error
from .protocol import Request
from .state import Component, Endpoint, arn, forget_scaling, store
from .wire import AwsError, validation_error

_LABEL = "inference component"


def create(request: Request) -> Request:
    """Start a component on an endpoint that has room for it."""
    state, name = store(), request["InferenceComponentName"]
    if name in state.components:
        raise validation_error(f'Cannot create already existing {_LABEL} "{arn("inference-component", name)}".')
    endpoint = _endpoint(request["EndpointName"])
    copies = (request.get("RuntimeConfig") or {}).get("CopyCount", 1)
    # Scaling may take it to zero later; AWS refuses zero at creation.
    if copies < 1:
        raise validation_error("Please set the copy count to an integer larger than 0.")
    made = Component(name, arn("inference-component", name), request, cloud.account(), cloud.region(), copies)
    _check_room(endpoint, made, copies)
    made.tags = request.get("Tags", [])
    state.components[name] = made
    _in_background(made, _start)
    return {"InferenceComponentArn": made.arn}


def update(request: Request) -> Request:
    """Swap the model for another specification, the old one serving until the new one answers."""
    found = find(request["InferenceComponentName"])
    if found.status != "InService":
        raise validation_error(f"Cannot update {_LABEL} {found.name}: it is {found.status}.")
    before = found.request
    found.request = {**before, **{key: value for key, value in request.items() if key != "DeploymentConfig"}}
    found.status = "Updating"
    _in_background(found, lambda component: _swap(component, before))
    return {"InferenceComponentArn": found.arn}


def update_runtime(request: Request) -> Request:
    """Set the number of copies, as scaling and people do."""
    found = find(request["InferenceComponentName"])
    set_copies(found, request["DesiredRuntimeConfig"]["CopyCount"])
    return {"InferenceComponentArn": found.arn}


def delete(request: Request) -> Request:
    """Stop and forget a component with its scalable target."""
    found = find(request["InferenceComponentName"])
    state = store()
    del state.components[found.name]
    forget_scaling(state, f"inference-component/{found.name}", whole=True)
    if found.hosted:
        found.hosted.stop()
    return {}


def describe(request: Request) -> Request:
    """Describe a component."""
    found = find(request["InferenceComponentName"])
    endpoint = store().endpoints[found.request["EndpointName"]]
    running = found.copies if found.hosted else 0
    # The API describes the container in another shape than it was asked for.
    specification = {key: value for key, value in (found.request.get("Specification") or {}).items() if key != "Container"}
    return {
        "InferenceComponentName": found.name, "InferenceComponentArn": found.arn, "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn, "VariantName": found.request.get("VariantName", ""),
        "InferenceComponentStatus": found.status, "CreationTime": found.created, "LastModifiedTime": found.modified,
        "RuntimeConfig": {"DesiredCopyCount": found.copies, "CurrentCopyCount": running}, "Specification": specification,
        **({"FailureReason": found.failure} if found.failure else {}),
    }  # fmt: skip


def list_all(request: Request) -> Request:
    """List the components, optionally of one endpoint."""
    wanted = request.get("EndpointNameEquals")
    rows = [item for item in store().components.values() if wanted in (None, item.request["EndpointName"])]
    keys = ("CreationTime", "InferenceComponentArn", "InferenceComponentName", "EndpointArn", "EndpointName", "VariantName",
            "InferenceComponentStatus", "LastModifiedTime")  # fmt: skip
    described = [describe({"InferenceComponentName": item.name}) for item in rows]
    return {"InferenceComponents": [{key: row[key] for key in keys} for row in described]}


def find(name: str) -> Component:
    """Return the component called `name`."""
    if name not in store().components:
        raise validation_error(f'Could not find {_LABEL} "{name}".')
    return store().components[name]


def set_copies(component: Component, copies: int) -> None:
    """Scale; the model's process ends with the last copy and comes back with the first."""
    endpoint = _endpoint(component.request["EndpointName"])
    if copies > component.copies:
        _check_room(endpoint, component, copies)
    component.copies = copies
    component.modified = time.time()
    _in_background(component, _follow)


def invoke(endpoint: Endpoint, name: str | None, headers: Mapping[str, str], body: bytes) -> Answer:
    """Ask a component of `endpoint`; without a copy the request fails, and the failure wakes it."""
    if name is None:
        raise AwsError("ValidationError", "Inference Component Name header is required for endpoints to which you plan to "
                       "deploy inference components.")  # fmt: skip
    component = store().components.get(name)
    if component is None or component.request["EndpointName"] != endpoint.name:
        raise AwsError("ValidationError", f"Inference Component with name {name} not found.")
    hosted, dimensions = component.hosted, {"InferenceComponentName": name}
    if hosted is None or not component.copies:
        # The alarm that wakes a component at zero watches this metric.
        services.put_metric("AWS/SageMaker", "NoCapacityInvocationFailures", 1, "Count", dimensions)
        raise AwsError("ValidationError", f"Inference Component has no capacity to process this request. {component.arn}")
    started = time.perf_counter()
    status, answered, content = hosted.invoke(body, headers)
    _record(component, status, time.perf_counter() - started)
    if status >= 400:
        raise model_error(endpoint, status, content)
    return 200, {
        "Content-Type": answered.get("content-type", "application/octet-stream"),
        "x-Amzn-Invoked-Production-Variant": component.request.get("VariantName", ""),
    }, content  # fmt: skip


def instances_needed(endpoint: Endpoint) -> int:
    """Return how many instances the copies of all components of `endpoint` take."""
    variant = next(iter(endpoint.variants.values()))
    return len(_place(endpoint, str(variant.instance_type), {})) if variant.instance_type else 0


def managed_scaling(endpoint: Endpoint) -> tuple[int, int]:
    """Return the limits of the instances, as the config says."""
    variant = next(iter(endpoint.variants.values()))
    managed = variant.config.get("ManagedInstanceScaling") or {}
    count = variant.config.get("InitialInstanceCount", 1)
    return managed.get("MinInstanceCount", count), managed.get("MaxInstanceCount", count)


def _record(component: Component, status: int, seconds: float) -> None:
    dimensions = {"InferenceComponentName": component.name}
    rows = {
        "Invocations": 1.0, "InvocationsPerCopy": 1 / max(component.copies, 1), "ModelLatency": seconds * 1e6,
        "Invocation5XXErrors": float(status >= 500), "Invocation4XXErrors": float(400 <= status < 500),
    }  # fmt: skip
    for name, value in rows.items():
        services.put_metric("AWS/SageMaker", name, value, "Count", dimensions)


def _check_room(endpoint: Endpoint, component: Component, copies: int) -> None:
    variant = next(iter(endpoint.variants.values()))
    if not variant.instance_type:
        raise validation_error(f"Inference Components are not supported in this Endpoint: {endpoint.name}.")
    if variant.model is not None:
        raise validation_error("Inference Components are not supported in this Endpoint. Please make sure this endpoint can "
                               "deploy inference components.")  # fmt: skip
    try:
        needed = len(_place(endpoint, variant.instance_type, {component.name: (component, copies)}))
    except ValueError as error:
        raise validation_error(f"The specified resources exceed those of {variant.instance_type}: {error}") from None
    _, most = managed_scaling(endpoint)
    if needed > most:
        raise validation_error(f"Insufficient capacity: the copies need {needed} instances, the endpoint may have {most}.")


def _place(endpoint: Endpoint, instance_type: str, wanted: dict[str, tuple[Component, int]]) -> tuple[tuple[str, ...], ...]:
    known = {
        item.name: (item, item.copies) for item in store().components.values() if item.request["EndpointName"] == endpoint.name
    }
    rows = {_share(item): copies for item, copies in {**known, **wanted}.values()}
    return place(rows, capacity_of(instance(instance_type))).instances


def _share(component: Component) -> Share:
    needs = component.request["Specification"].get("ComputeResourceRequirements") or {}
    return Share(component.name, needs.get("MinMemoryRequiredInMb", 0), needs.get("NumberOfCpuCoresRequired", 0),
                 int(needs.get("NumberOfAcceleratorDevicesRequired", 0)))  # fmt: skip


def _endpoint(name: str) -> Endpoint:
    if name not in store().endpoints:
        raise validation_error(f'Could not find endpoint "{name}".')
    return store().endpoints[name]


def _in_background(component: Component, work: Callable[[Component], None]) -> None:
    def run() -> None:
        # One change at a time: copies may be set again while the model is still coming up.
        with cloud.scope(component.account, component.region), component.lock:
            work(component)

    threading.Thread(target=run, daemon=True, name=f"component-{component.name}").start()


def _start(component: Component) -> None:
    try:
        component.hosted = _run(component)
        component.status = "InService"
    except AwsError as error:
        component.status, component.failure = "Failed", error.message


def _swap(component: Component, before: Request) -> None:
    """Run the new specification; where that fails, the old one goes on, and is what is described."""
    old = component.hosted
    try:
        component.hosted = _run(component) if component.copies else None
    except AwsError as error:
        component.failure, component.request = error.message, before
    else:
        component.failure = ""
        if old:
            old.stop()
    component.status, component.modified = "InService", time.time()


def _follow(component: Component) -> None:
    """Bring the process in line with the wanted copies, whatever they are by now."""
    if component.copies and component.hosted is None:
        _start(component)
    elif not component.copies and component.hosted is not None:
        hosted, component.hosted = component.hosted, None
        hosted.stop()


def _run(component: Component) -> Hosted:
    endpoint = store().endpoints[component.request["EndpointName"]]
    config = store().configs[endpoint.config_name]
    container = component.request["Specification"]["Container"]
    definition = {"Image": container["Image"], "Environment": container.get("Environment", {})}
    if "ArtifactUrl" in container:
        definition["ModelDataUrl"] = container["ArtifactUrl"]
    role = config["ExecutionRoleArn"]
    group = f"/aws/sagemaker/InferenceComponents/{component.name}"
    variant = next(iter(endpoint.variants.values()))
    hosted = Hosted(
        {"ExecutionRoleArn": role, "PrimaryContainer": definition}, instance_type=variant.instance_type, variant=component.name,
        log=log_writer(component.account, component.region, group, f"{variant.name}/local", role),
    )  # fmt: skip
    hosted.wait(f"inference component {component.name}")
    return hosted
