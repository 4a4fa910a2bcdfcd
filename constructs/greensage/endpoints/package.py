"""A model of the Model Registry: a version of a package, or the newest approved one of a group, found when it is deployed."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from typing import get_args

from aws_cdk import Token

from constructs import Construct

from ..catalog.instances import Architecture, Processor
from ..core.checked import check_choice, check_text
from ..core.stack_helper import StackHelper
from .image import PackagedImage

# botocore sagemaker, ModelPackageArn and ModelPackageGroupArn.
PACKAGE_ARN = re.compile(r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package/[A-Za-z0-9-]{1,63}(/\d{1,9})?$")
GROUP_ARN = re.compile(r"^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package-group/[A-Za-z0-9-]{1,63}$")


class ModelPackageSource(Construct):
    """Image and archive of a model package, for an endpoint of its own or a batch transform: give them `image=source.image`.

    The package is described when the stack is deployed, and the execution role gets the rights on its images and archives that
    are found there. A version that is rejected, waits for approval or failed stops the deployment. Of another account: its
    package group, repository, bucket and key have to let this account read them; the refusal names the rights.

    Parameters
    ----------
    package_arn:
        Of a version, or of a package without versions (of AWS Marketplace). Default: none, `group_arn` names the group.
    group_arn:
        Of a model package group, whose newest approved version is taken at each deployment: the template names the time of
        its synthesis (or SOURCE_DATE_EPOCH, if that is set), so that CloudFormation asks again. Default: none.
    architecture, processor:
        What the package's image was built for; default x86_64 and cpu.

    Raises ValueError, naming the property, the value and what is allowed.

    Example
    -------
        source = ModelPackageSource(self, "Fraud", group_arn=group_arn)
        RealTimeEndpoint(self, "Endpoint", image=source.image, instance_type="ml.m7i.large")
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        package_arn: str | None = None,
        group_arn: str | None = None,
        architecture: Architecture = "x86_64",
        processor: Processor = "cpu",
    ) -> None:
        super().__init__(scope, id)
        check_choice("architecture", architecture, get_args(Architecture))
        check_choice("processor", processor, get_args(Processor))
        if (package_arn is None) == (group_arn is None):
            raise ValueError("ModelPackageSource takes either package_arn or group_arn")
        helper = StackHelper.of(self)
        if package_arn is not None:
            _check_arn("package_arn", package_arn, PACKAGE_ARN, "model-package/NAME/VERSION")
            asked = {"Package": package_arn}
            helper.allow(["sagemaker:DescribeModelPackage"], package_arn)
        else:
            _check_arn("group_arn", group_arn, GROUP_ARN, "model-package-group/NAME")
            group = str(group_arn)
            asked = {"Group": group, "AskedAt": _now()}
            helper.allow(["sagemaker:ListModelPackages"], group)
            versions = f"{group.replace(':model-package-group/', ':model-package/')}/*"
            helper.allow(["sagemaker:DescribeModelPackage"], versions, because="Every version of the one group.")
        self.resource = helper.resource(self, "Package", "ModelPackage", asked)
        self.package_arn = self.resource.get_att_string("Arn")
        self.image = PackagedImage("", architecture, "", processor, self.package_arn, self.resource.get_att_string("Readable"))


def _check_arn(prop: str, value: str | None, pattern: re.Pattern[str], what: str) -> None:
    check_text(prop, value)
    if not Token.is_unresolved(value) and not pattern.match(str(value)):
        raise ValueError(f"{prop} is {value!r}; allowed: arn:aws:sagemaker:REGION:ACCOUNT:{what}")


def _now() -> str:
    """The time of synthesis; SOURCE_DATE_EPOCH (reproducible-builds.org) makes templates repeatable."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed and fixed.isdigit() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
