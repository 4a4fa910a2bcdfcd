"""A model compiled by SageMaker Neo for a device, when the stack is deployed."""

from __future__ import annotations

from aws_cdk import Stack

from constructs import Construct, IDependable

from ..catalog.neo import neo_devices, neo_framework
from ..core.checked import check_choice
from ..core.stack_helper import StackHelper
from ..storage.artifacts import ArtifactLocation
from .access import ExecutionAccess


class NeoCompilation(Construct):
    """Compiles an archive for a device with SageMaker Neo.

    Parameters
    ----------
    artifact:
        The model.tar.gz; the compiled archive comes below compiled/ of its own prefix.
    framework:
        onnx, pytorch, tensorflow or xgboost, in the versions that Neo supports (they are old: see catalog/data/neo.json).
    device:
        For instance jetson_xavier.
    input_shape:
        The input's name and shape as JSON, for instance {"input": [1, 64]}; not for xgboost. Default: none.

    `location` is the compiled archive; its key is known when the stack is deployed. AWS's own engineers call Neo for
    edge devices deprecated (ml-edge-getting-started, pull request 6): prefer ONNX where the device runs it.

    Raises ValueError, naming the property, the value and what is allowed.
    """

    def __init__(
        self, scope: Construct, id: str, *, artifact: ArtifactLocation, framework: str, device: str, input_shape: str = ""
    ) -> None:
        super().__init__(scope, id)
        check_choice("device", device, neo_devices())
        neo = neo_framework(framework)
        if neo is None:
            raise ValueError(f"framework is {framework}; Neo does not compile it")
        prefix = f"{artifact.prefix if artifact.prefix.endswith('/') else ''}compiled/"
        access = ExecutionAccess(self, "Access", role=None)
        access.read(artifact)
        access.write(artifact.bucket_arn, prefix)
        access.list(artifact.bucket_arn, prefix)
        helper = self._allow(access, artifact, prefix)
        properties = {
            "Input": artifact.uri, "Output": f"s3://{artifact.bucket_name}/{prefix}", "Framework": neo, "Device": device,
            "InputShape": input_shape, "RoleArn": access.role.role_arn,
        }  # fmt: skip
        self.resource = helper.resource(self, "Job", "NeoCompilation", properties)
        self.resource.node.add_dependency(access.policy)
        self.location = ArtifactLocation(
            artifact.bucket_name, artifact.bucket_arn, self.resource.get_att_string("Key"), prefix
        )  # fmt: skip
        self.file_name = self.resource.get_att_string("File")

    def needs(self, *resources: IDependable) -> None:
        """Compile only after `resources`, for instance the copy of the archive."""
        self.resource.node.add_dependency(*resources)

    def _allow(self, access: ExecutionAccess, artifact: ArtifactLocation, prefix: str) -> StackHelper:
        helper = StackHelper.of(self)
        jobs = Stack.of(self).format_arn(service="sagemaker", resource="compilation-job", resource_name="greensage-*")
        actions = [f"sagemaker:{name}CompilationJob" for name in ("Create", "Describe", "Stop")]
        helper.allow(actions, jobs)
        helper.allow(["iam:PassRole"], access.role.role_arn)
        compiled = f"{artifact.bucket_arn}/{prefix}*"
        helper.allow(["s3:DeleteObject"], compiled)
        return helper
