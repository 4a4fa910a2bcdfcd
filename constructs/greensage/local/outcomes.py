"""What is told of a request once it was answered: the metrics that SageMaker publishes, and the error of a container."""

from __future__ import annotations

from . import ministack_services as services
from .state import Endpoint, Variant
from .wire import AwsError


def record(endpoint: str, variant: Variant, status: int, seconds: float) -> None:
    """Publish what SageMaker publishes of one request to a variant."""
    dimensions = {"EndpointName": endpoint, "VariantName": variant.name}
    points = [
        ("Invocations", 1.0, "Count"),
        ("ModelLatency", seconds * 1e6, "Microseconds"),
        ("Invocation4XXErrors", float(400 <= status < 500), "Count"),
        ("Invocation5XXErrors", float(status >= 500), "Count"),
        ("InvocationModelErrors", float(status >= 400), "Count"),
    ]
    if variant.instance_type:
        points.append(("InvocationsPerInstance", 1 / max(variant.desired, 1), "Count"))
    for name, value, unit in points:
        services.put_metric("AWS/SageMaker", name, value, unit, dimensions)


def model_error(endpoint: Endpoint, status: int, content: bytes) -> AwsError:
    """Return the error that callers get when the container answers with one."""
    kind = "client error" if status < 500 else "server error"
    text = content.decode(errors="replace")
    message = (
        f'Received {kind} ({status}) from primary with message "{text}". See the log group '
        f"/aws/sagemaker/Endpoints/{endpoint.name} in account {endpoint.account} for more information."
    )
    return AwsError("ModelError", message, 424)
