"""The containers of one model as processes: one, many models in one, several side by side, or a chain."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..catalog import limits
from . import ministack_api as cloud
from . import registry
from .archives import unpack
from .containers import HUGGING_FACE, SERVER, Container, ContainerFailed
from .environment import add_packages
from .images import find_image
from .rules import artifact_bytes, check_architecture, check_image_access
from .wire import AwsError, validation_error

Reply = tuple[int, dict[str, str], bytes]
_FAMILIES_OF_THE_SERVER = "xgboost, lightgbm, sklearn, onnx, catboost and, by a stand-in, Hugging Face on CPU"


def definitions_of(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a CreateModel request in their order."""
    given: list[dict[str, Any]] = model.get("Containers") or [model["PrimaryContainer"]]
    return [registry.unpackaged(item) if "ModelPackageName" in item else item for item in given]


class Hosted:
    """One running model. `mode` is Single, MultiModel, Direct or Serial."""

    def __init__(
        self, model: Mapping[str, Any], *, instance_type: str | None, variant: str, log: Callable[[str], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.role: str = model["ExecutionRoleArn"]
        self._definitions = definitions_of(model)
        execution = (model.get("InferenceExecutionConfig") or {}).get("Mode", "Serial")
        single = "MultiModel" if self._definitions[0].get("Mode") == "MultiModel" else "Single"
        # One container alone is neither a chain nor called by its hostname, whatever the request says.
        self.mode = single if len(self._definitions) == 1 else execution
        self._loading = threading.Lock()
        self._containers: dict[str, Container] = {}
        try:
            for index, definition in enumerate(self._definitions):
                name = definition.get("ContainerHostname") or f"container-{index + 1}"
                self._containers[name] = self._start(definition, instance_type, variant, log, environment or {})
        except Exception:
            # Containers that did start would otherwise run on with nobody who knows them.
            self.stop()
            raise

    @property
    def pids(self) -> list[int]:
        """The process of each container."""
        return [container.pid for container in self._containers.values()]

    def wait(self, where: str, seconds: float = limits.STARTUP_TIMEOUT_SECONDS) -> None:
        """Return when every container answers /ping; AwsError with its last words when one does not."""
        for container in self._containers.values():
            try:
                container.wait_until_healthy(seconds)
            except ContainerFailed as error:
                raise validation_error(
                    f"The primary container for {where} did not pass the ping health check. "
                    f"Please check CloudWatch logs for this endpoint. {error}"
                ) from None

    def stop(self) -> None:
        """Stop all containers and delete their files."""
        for container in self._containers.values():
            container.stop()
            shutil.rmtree(container.model_dir, ignore_errors=True)

    def invoke(self, body: bytes, headers: Mapping[str, str], *, timeout: float = limits.REALTIME_TIMEOUT_SECONDS) -> Reply:
        """Pass one request on, to where its headers point; `headers` have lower-case names."""
        target, hostname = headers.get("x-amzn-sagemaker-target-model"), headers.get("x-amzn-sagemaker-target-container-hostname")
        self._check_target("MultiModel", target, "TargetModel")
        self._check_target("Direct", hostname, "TargetContainerHostname")
        try:
            if self.mode == "Serial":
                return self._chain(body, headers, timeout)
            container = self._container(hostname)
            path = f"/models/{self._load(container, target)}/invoke" if target else "/invocations"
            return container.request("POST", path, body, headers, timeout)
        except TimeoutError:
            raise AwsError("ModelError", "Your invocation timed out while waiting for a response from container.", 424) from None
        except OSError as error:
            raise AwsError("ServiceUnavailable", f"The container cannot be reached: {error}", 503) from None

    def _check_target(self, mode: str, given: str | None, name: str) -> None:
        if (self.mode == mode) != bool(given):
            need = "needs" if self.mode == mode else "does not take"
            raise AwsError("ValidationError", f"The endpoint {need} the header {name}.")

    def _container(self, hostname: str | None) -> Container:
        if hostname is None:
            return next(iter(self._containers.values()))
        if hostname not in self._containers:
            known = ", ".join(self._containers)
            raise AwsError("ValidationError", f"There is no container with the hostname {hostname}; the endpoint has {known}.")
        return self._containers[hostname]

    def _chain(self, body: bytes, headers: Mapping[str, str], timeout: float) -> Reply:
        """Each container gets the answer of the one before; what the caller accepts concerns the last."""
        *before, last = self._containers.values()
        # Those in between answer in a format of their own choice, which the next is told of.
        passed = {key: value for key, value in headers.items() if key != "accept"}
        for container in before:
            status, answered, body = container.request("POST", "/invocations", body, passed, timeout)
            if status >= 400:
                return status, answered, body
            passed["content-type"] = answered.get("content-type", passed.get("content-type", ""))
        accept = {"accept": headers["accept"]} if "accept" in headers else {}
        return last.request("POST", "/invocations", body, {**passed, **accept}, timeout)

    def _start(
        self, definition: Mapping[str, Any], instance_type: str | None, variant: str, log: Callable[[str], None],
        environment: Mapping[str, str],
    ) -> Container:  # fmt: skip
        image = find_image(definition["Image"])
        check_image_access(self.role, image)
        check_architecture(image, variant, instance_type)
        if not image.served:
            raise validation_error(f"The local cloud cannot run {image.uri}: its server loads {_FAMILIES_OF_THE_SERVER}.")
        folder = Path(tempfile.mkdtemp(prefix="model-"))
        many = definition.get("Mode") == "MultiModel"
        hub = image.framework == "huggingface"
        if many and hub:
            raise validation_error("The local cloud's stand-in for the Hugging Face container serves one model.")
        if not many and "ModelDataUrl" in definition:
            unpack(artifact_bytes(self.role, definition["ModelDataUrl"]), folder, definition["ModelDataUrl"])
            if any(folder.rglob("*.cbm")):
                add_packages("catboost", Path(sys.executable), log)
        variables = {**definition.get("Environment", {}), **environment}
        # Capturing is all that the server calls AWS for; other containers get no credentials at all.
        if "GREENSAGE_CAPTURE_URI" in variables:
            variables |= cloud.role_environment(self.role)
        server = HUGGING_FACE if hub else SERVER
        container = Container(folder, variables, multi_model=many, on_line=log, server=server)
        log(f"started {image.uri} as process {container.pid}")
        return container

    def _load(self, container: Container, target: str) -> str:
        """Return the name under which `target` is loaded; on the way load it, making room if the server asks for it."""
        # SageMaker hands the container an opaque name, never the TargetModel itself.
        name = hashlib.sha256(target.encode()).hexdigest()[:32]
        # Two first requests for one model must not both load it.
        with self._loading:
            if container.request("GET", f"/models/{name}")[0] == 200:
                return name
            uri = f"{self._definitions[0]['ModelDataUrl']}{target.lstrip('/')}"
            folder = container.model_dir / name / "model"
            try:
                unpack(artifact_bytes(self.role, uri), folder, uri)
            except AwsError as error:
                raise AwsError("ValidationError", f"Failed to download model data ({uri}). {error.message}") from None
            request = json.dumps({"model_name": name, "url": str(folder)}).encode()
            status, _, content = container.request("POST", "/models", request)
            # The container's way to say that memory is short; SageMaker then unloads others and asks again.
            while status == 507 and _unload_one(container):
                status, _, content = container.request("POST", "/models", request)
            if status not in (200, 409):
                shutil.rmtree(folder, ignore_errors=True)
                raise AwsError("ModelError", f"Failed to load model {target}: {content.decode(errors='replace')}", 424)
            return name


def _unload_one(container: Container) -> bool:
    models: list[dict[str, Any]] = json.loads(container.request("GET", "/models")[2])["models"]
    if not models:
        return False
    return container.request("DELETE", f"/models/{models[0]['modelName']}")[0] == 200


def log_writer(account: str, region: str, group: str, stream: str, role: str) -> Callable[[str], None]:
    """Return a function that writes lines as the execution role does: into `group`, if its policy lets it."""
    arn = f"arn:aws:logs:{region}:{account}:log-group:{group}"

    def write(line: str) -> None:
        with cloud.scope(account, region):
            if not cloud.role_allows(role, "logs:PutLogEvents", f"{arn}:log-stream:{stream}"):
                return
            may_create = cloud.role_allows(role, "logs:CreateLogGroup", arn)
            cloud.put_logs(group, stream, [line], may_create_group=may_create)

    return write
