"""A model on devices: a Greengrass v2 component with the archive and the server, deployed to groups of devices."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Stack, Token
from aws_cdk import aws_greengrassv2 as greengrass
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets

from constructs import Construct, IDependable

from ..core import defaults
from ..core.acknowledge import acknowledge_wildcards
from ..core.checked import check_choice, check_count, check_whole
from ..core.folders import serving_folder
from ..core.stack_helper import StackHelper
from ..storage.artifacts import ArtifactLocation
from .neo import NeoCompilation

_FORMAT = "2020-01-25"
# Greengrass installs Python packages on the device; its own limit of two minutes is too short for that.
_INSTALL_SECONDS = 900
# Semantic versions with a patch number made of the content: a version can never be replaced.
_VERSIONS = 1_000_000
# Of serving/requirements.txt, which pins them: what the server needs, and what each framework does.
_SERVER = ("httptools", "uvloop", "orjson", "numpy")
_COMPILED = "compiled"
_PACKAGES = {
    _COMPILED: ("dlr",),
    "onnx": ("onnxruntime",),
    "xgboost": ("xgboost-cpu",),
    "lightgbm": ("lightgbm",),
    "sklearn": ("scikit-learn", "skops"),
}


class EdgeComponent(Construct):
    """A Greengrass v2 component that serves a model on the device's loopback, and its deployments.

    Parameters
    ----------
    artifact:
        The model.tar.gz, in a bucket of the same account and Region; of a `ModelArtifact`.
    framework:
        onnx, xgboost, lightgbm or sklearn: only what that needs is installed on the devices.
    compiled:
        What Neo made of `artifact`; the devices then get that, and Neo's runtime (dlr). Default: the model as it is.
    component_name:
        For instance com.example.churn; default: made from the stack and the id.
    device_groups:
        Names of AWS IoT thing groups. A group has one deployment: this one replaces what it had, and components that
        it does not list go from the devices. Where one does not exist, the deployment stops and says how to create it.
    create_device_groups:
        Create the groups that do not exist; those that this stack created, and that no device is in, go with it. Default: no.
    other_components:
        Name to version: are kept beside the model. Default: none.
    port:
        On the device; default 8080. POST /invocations and GET /ping, as everywhere.
    environment:
        For the server; default: none.

    Destroying the stack leaves the model on the devices until the next deployment to their group: Greengrass keeps a
    deployment's configuration on the device (API reference, DeleteDeployment).

    The devices' token exchange role needs to read the artifacts: `grant_download(role)`.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        edge = EdgeComponent(self, "Digits", artifact=artifact.location, framework="onnx", device_groups=["cameras"])
        edge.grant_download(iam.Role.from_role_name(self, "Devices", "GreengrassV2TokenExchangeRole"))
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        artifact: ArtifactLocation,
        framework: str,
        device_groups: Sequence[str],
        create_device_groups: bool = False,
        compiled: NeoCompilation | None = None,
        component_name: str | None = None,
        other_components: Mapping[str, str] | None = None,
        port: int = defaults.EDGE_PORT,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, id)
        check_count("device_groups", device_groups, 1)
        check_whole("port", port, 1024, 65535)
        framework = _COMPILED if compiled else framework
        if not compiled:
            check_choice("framework", framework, [name for name in _PACKAGES if name != _COMPILED])
        self._artifact, self._framework = compiled.location if compiled else artifact, framework
        self._file = compiled.file_name if compiled else artifact.key.rsplit("/", 1)[-1]
        server = assets.Asset(self, "Server", path=str(serving_folder()), exclude=["**/__pycache__", "*.pyc", "Dockerfile"])
        self._server_arn = f"{server.bucket.bucket_arn}/{server.s3_object_key}"
        self.component_name = component_name or f"greensage.{'.'.join(self.node.path.lower().split('/'))}"
        recipe = self._recipe(server, port, environment or {})
        self.component_version = _version(recipe, artifact.key, server.asset_hash, framework)
        recipe["ComponentVersion"] = self.component_version
        self.cfn_component_version = greengrass.CfnComponentVersion(
            self, "Component", inline_recipe=Stack.of(self).to_json_string(recipe)
        )
        self.cfn_deployments = [self._deploy(name, other_components or {}) for name in device_groups]
        self._need_groups(device_groups, create_device_groups)

    def needs(self, *resources: IDependable) -> None:
        """Create the component only after `resources`: Greengrass reads the archive when the version is made."""
        self.cfn_component_version.node.add_dependency(*resources)

    def grant_download(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let the devices' token exchange role read the archive, in every version of it, and the server."""
        artifact = self._artifact
        arn = (
            f"{artifact.bucket_arn}/{artifact.prefix}*"
            if artifact.prefix.endswith("/")
            else f"{artifact.bucket_arn}/{artifact.key}"
        )
        principal = grantee.grant_principal
        if isinstance(principal, Construct):
            acknowledge_wildcards(principal, [arn], "The versions of one model's archive.")
        iam.Grant.add_to_principal(grantee=grantee, actions=["s3:GetBucketLocation"], resource_arns=[artifact.bucket_arn])
        return iam.Grant.add_to_principal(grantee=grantee, actions=["s3:GetObject"], resource_arns=[arn, self._server_arn])

    def _recipe(self, server: assets.Asset, port: int, environment: Mapping[str, str]) -> dict[str, Any]:
        # ZIP is all that Greengrass unpacks; the archive is a tar.gz and is unpacked by the install step.
        archive = self._file
        code = f"{{artifacts:decompressedPath}}/{server.s3_object_key.rsplit('/', 1)[-1].removesuffix('.zip')}"
        packages = " ".join((*_SERVER, *_PACKAGES[self._framework]))
        install = (
            "set -e; python3 -m venv {work:path}/venv; "
            f"{{work:path}}/venv/bin/pip install --quiet --constraint {code}/requirements.txt {packages}; "
            "rm -rf {work:path}/model; mkdir -p {work:path}/model; "
            f"tar -xzf {{artifacts:path}}/{archive} -C {{work:path}}/model"
        )
        variables = {
            **environment,
            "GREENSAGE_MODEL_DIR": "{work:path}/model",
            "GREENSAGE_BIND_HOST": "127.0.0.1",
            "SAGEMAKER_BIND_TO_PORT": "{configuration:/Port}",
        }
        run = f"cd {code} && exec {{work:path}}/venv/bin/python -m server serve"
        return {
            "RecipeFormatVersion": _FORMAT,
            "ComponentName": self.component_name,
            "ComponentVersion": "",
            "ComponentDescription": "A model served on the device's loopback",
            "ComponentPublisher": "greensage",
            "ComponentConfiguration": {"DefaultConfiguration": {"Port": str(port)}},
            "Manifests": [
                {
                    "Platform": {"os": "linux"},
                    "Lifecycle": {
                        "install": {"Script": install, "Timeout": str(_INSTALL_SECONDS)},
                        "run": {"Script": run, "Setenv": variables},
                    },
                    "Artifacts": [
                        {"URI": self._artifact.uri, "Unarchive": "NONE", "Permission": {"Read": "OWNER"}},
                        {"URI": server.s3_object_url, "Unarchive": "ZIP", "Permission": {"Read": "OWNER"}},
                    ],
                }
            ],
        }

    def _need_groups(self, groups: Sequence[str], make: bool) -> None:
        """Have the groups found, or made, before anything is deployed to them."""
        helper, stack = StackHelper.of(self), Stack.of(self)
        arns = [stack.format_arn(service="iot", resource="thinggroup", resource_name=name) for name in groups]
        helper.allow(["iot:DescribeThingGroup", "iot:ListTagsForResource"], *arns)
        if make:
            helper.allow(["iot:CreateThingGroup", "iot:TagResource", "iot:ListThingsInThingGroup", "iot:DeleteThingGroup"], *arns)
        asked = {"Groups": ",".join(groups), "Make": "true" if make else "false", "Stack": stack.stack_name}
        found = helper.resource(self, "Groups", "DeviceGroups", asked)
        for deployment in self.cfn_deployments:
            deployment.node.add_dependency(found)

    def _deploy(self, group: str, others: Mapping[str, str]) -> greengrass.CfnDeployment:
        target = Stack.of(self).format_arn(service="iot", resource="thinggroup", resource_name=group)
        components: dict[str, Any] = {name: {"componentVersion": version} for name, version in others.items()}
        # The attribute, so that the version exists before it is deployed.
        components[self.component_name] = {"componentVersion": self.cfn_component_version.attr_component_version}
        id = "Deployment" if Token.is_unresolved(group) else f"Deployment-{group}"
        return greengrass.CfnDeployment(
            self, id, target_arn=target, components=components, deployment_name=self.component_name,
            deployment_policies={"failureHandlingPolicy": "ROLLBACK"},
        )  # fmt: skip


def _version(recipe: Mapping[str, Any], *content: str) -> str:
    text = json.dumps([recipe, *content], sort_keys=True, default=str)
    # Tokens have numbers of their own in each synthesis; what they stand for does not change the content.
    digest = hashlib.sha256(_without_tokens(text).encode()).hexdigest()
    return f"1.0.{int(digest, 16) % _VERSIONS}"


def _without_tokens(text: str) -> str:
    return re.sub(r"\$\{Token\[[^\]]*\]\}", "", text)
