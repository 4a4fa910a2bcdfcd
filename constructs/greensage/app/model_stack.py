"""One model: its archives, its hosting or its place behind a shared endpoint, and the parameter that clients read."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm

from constructs import Construct, IDependable

from ..catalog.kinds import hosting_kind
from ..core.names import Parameters
from ..endpoints import Container, ContainerImage, ModelPackageSource
from ..endpoints.base import Endpoint
from ..monitoring.log_archive import LogArchive
from ..planner import ContainerPlan, ModelPlan
from ..retraining import Champion
from ..spec import ModelSource
from ..spec.published import published
from ..storage.artifacts import ArtifactLocation, ModelArtifact
from .builders import Address, build
from .dashboards import told
from .loop import add_loop, loop_capture
from .notify import limit_roles, tell_alarms
from .recommend import add_recommendation
from .shared import Images, artifact_bucket, environment_of, group_prefix, key_from_arn, tag_stack


class ModelStack(Stack):
    """Builds what the ModelPlan says; decides nothing."""

    def __init__(self, scope: Construct, id: str, *, model: ModelPlan, parameters: Parameters, **props: Any) -> None:
        super().__init__(scope, id, **props)
        self.model = model
        self.parameters = parameters
        self.key = key_from_arn(self, model.spec.kms_key_arn)
        self.needed: list[IDependable] = []
        self.images = Images(self, parameters)
        self._after: list[IDependable] = []
        # The archive of a container of a group lies in the group's stack.
        self._location = (
            self._place("Artifact", model.name, model.spec.model) if hosting_kind(model.kind).shares != "containers" else None
        )
        # The order matters: the builders ask for the champion's location and for the capture.
        self.champion = self._champion()
        self.capture = loop_capture(self)
        self.watched: Endpoint | None = None
        address = build(self)
        if self.capture is not None:
            address |= {"loop": add_loop(self, self.capture, self.watched)}
        self._publish({**address, **add_recommendation(self)})
        if self.watched is not None and model.spec.logs.archive_days:
            LogArchive.include(self.watched.log_group)
        if self.watched is not None and model.spec.model.secrets:
            self.watched.access.read_secrets(list(model.spec.model.secrets.values()))
        limit_roles(self, model.spec.permissions_boundary)
        if model.spec.notify:
            tell_alarms(self, told(self, model.spec.notify))
        tag_stack(self, {"greensage:model": model.name, "greensage:kind": model.kind, **model.spec.tags})

    @property
    def location(self) -> ArtifactLocation | None:
        """Where the model's own archive lies; None for an image that needs none."""
        return self.champion.location if self.champion else self._location

    @property
    def archive(self) -> ArtifactLocation:
        """As `location`, of a model that has an archive."""
        found = self.location
        assert found is not None, "the planner refuses kinds that need an archive"
        return found

    def container(self, plan: ContainerPlan | None = None) -> Container:
        """Return the container of the model itself, or of `plan`; its image and archive are needed by what uses it."""
        spec = self.model.spec
        if plan is None or plan.source == spec.model:
            image = self._package() or self.images.get(self.model.image)
            return Container(image, self.location, environment_of(spec.model, spec.logs))
        image = self.images.get(plan.image)
        location = self._place(f"Artifact-{plan.name}", f"{self.model.name}-{plan.name}".lower(), plan.source)
        return Container(image, location, environment_of(plan.source, spec.logs))

    def _package(self) -> ContainerImage | None:
        """Return the image of a package of the Model Registry, if the model is one."""
        arn, plan = self.model.spec.model.package, self.model.image
        if arn is None:
            return None
        named = {"group_arn": arn} if ":model-package-group/" in arn else {"package_arn": arn}
        source = ModelPackageSource(self, "Package", architecture=plan.architecture, processor=plan.processor, **named)
        return source.image

    def publish_after(self, resource: IDependable) -> None:
        """Publish the parameter only after `resource`."""
        self._after.append(resource)

    def _champion(self) -> Champion | None:
        """A model that is retrained is served from where its champion lies."""
        if self.model.spec.retraining is None:
            return None
        assert self._location is not None
        name = self.parameters.champion(self.model.name)
        made = Champion(self, "Champion", artifact=self._location, parameter_name=name)
        made.needs(*self.needed)
        return made

    def _place(self, id: str, name: str, source: ModelSource) -> ArtifactLocation | None:
        """Copy an archive to a key that says its content; an uncompressed or licensed model is read where it lies."""
        if not source.artifact:
            return None
        encrypted = key_from_arn(self, source.source_kms_key_arn, f"{id}Key")
        if source.artifact.endswith("/") or source.accept_eula:
            bucket, _, key = source.artifact.removeprefix("s3://").partition("/")
            found = s3.Bucket.from_bucket_name(self, f"{id}Bucket", bucket)
            return ArtifactLocation.in_bucket(found, key, accept_eula=source.accept_eula, encryption_key=encrypted)
        model = self.model
        below_group = hosting_kind(model.kind).shares is not None
        prefix = group_prefix(model.group or "") if below_group else f"models/{model.name}/"
        made = ModelArtifact(
            self, id, source=source.artifact, bucket=artifact_bucket(self, self.parameters), prefix=prefix, name=name,
            encryption_key=self.key, source_encryption_key=encrypted, code=source.code,
        )  # fmt: skip
        self.needed.append(made)
        return made.location

    def _publish(self, address: Address) -> None:
        for key, value in address.items():
            if isinstance(value, str):
                CfnOutput(self, f"Output-{key}", value=value)
        name = self.parameters.model(self.model.name)
        parameter = ssm.StringParameter(self, "Parameter", parameter_name=name, string_value=json.dumps(address))
        spec = published(self.model.spec.as_given)
        if spec is not None:
            ssm.StringParameter(self, "Spec", parameter_name=self.parameters.spec(self.model.name), string_value=spec)
        # A name in the parameter must answer: after the archive, and after what has no attribute in the value.
        parameter.node.add_dependency(*self.needed, *self._after)
