"""What nothing uses, in an account of the test's own: everything that is referred to stays, whatever fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from greensage.errors import GreensageError
from greensage.operate.unused import Outcome, Reading, delete_unused, find_unused

OLD, NOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 28, tzinfo=UTC)
ARN = "arn:aws:sagemaker:eu-north-1:000000000000"
URI = "000000000000.dkr.ecr.eu-north-1.amazonaws.com/serving"
PAGE = 100


class Account:
    """Lists with pages, describes, tags and deletes; `refused` are operations that this caller may not call."""

    def __init__(self) -> None:
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.packages: dict[str, dict[str, Any]] = {}
        self.images: list[dict[str, Any]] = []
        self.functions: dict[str, str] = {}
        self.tasks: dict[str, str] = {}
        self.machines: dict[str, str] = {}
        self.pipelines: dict[str, str] = {}
        self.component_images: dict[str, str] = {}
        self.log_groups: list[str] = []
        self.stacks: dict[str, list[str]] = {}
        self.kept: set[str] = set()
        self.refused: set[str] = set()
        self.calls: list[str] = []
        self.called: dict[str, float] = {}
        self.components: dict[str, str] = {}
        self.objects: list[str] = []
        self.parameters: dict[str, str] = {}

    def client(self, service: str, **_: Any) -> Client:
        return Client(self)

    def config(self, name: str, *models: str, created: datetime = OLD) -> None:
        self.configs[name] = {
            "EndpointConfigName": name, "EndpointConfigArn": f"{ARN}:endpoint-config/{name}", "CreationTime": created,
            "ProductionVariants": [{"VariantName": "v", "ModelName": model} for model in models],
        }  # fmt: skip

    def model(self, name: str, image: str = "", created: datetime = OLD) -> None:
        container = {"Image": image}
        self.models[name] = {
            "ModelName": name, "ModelArn": f"{ARN}:model/{name}", "CreationTime": created, "PrimaryContainer": container,
        }  # fmt: skip

    def endpoint(self, name: str, config: str, pending: str = "") -> None:
        moving = {"PendingDeploymentSummary": {"EndpointConfigName": pending}} if pending else {}
        self.endpoints[name] = {
            "EndpointName": name, "EndpointConfigName": config, "EndpointArn": f"{ARN}:endpoint/{name}", "CreationTime": OLD,
            "EndpointStatus": "InService", "ProductionVariants": [{"VariantName": "v"}], **moving,
        }  # fmt: skip
        self.called.setdefault(name, 5.0)

    def image(self, digest: str, *tags: str, pushed: datetime = OLD) -> None:
        row = {"imageDigest": f"sha256:{digest}", "imageTags": list(tags), "imagePushedAt": pushed, "imageSizeInBytes": 2e9}
        self.images.append(row)

    def package(self, version: int, status: str = "Rejected") -> None:
        arn = f"{ARN}:model-package/g/{version}"
        self.packages[arn] = {
            "ModelPackageArn": arn, "ModelPackageVersion": version, "ModelApprovalStatus": status, "CreationTime": OLD,
        }  # fmt: skip


class Client:
    class exceptions:
        ParameterNotFound = KeyError

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_paginator(self, operation: str) -> Any:
        rows_of = getattr(self, f"_{operation}")
        call = self._called

        class Pages:
            def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
                call(operation)
                key, rows = rows_of(**asked)
                for first in range(0, max(1, len(rows)), PAGE):
                    yield {key: rows[first : first + PAGE]}

        return Pages()

    def _called(self, operation: str) -> None:
        self.account.calls.append(operation)
        if operation in self.account.refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"not {operation} for you"}}, operation)

    def _list_endpoints(self) -> Any:
        return "Endpoints", list(self.account.endpoints.values())

    def _list_endpoint_configs(self) -> Any:
        return "EndpointConfigs", list(self.account.configs.values())

    def _list_models(self) -> Any:
        return "Models", list(self.account.models.values())

    def _list_inference_components(self) -> Any:
        return "InferenceComponents", [{"InferenceComponentName": name} for name in self.account.components]

    def _list_transform_jobs(self, **_: Any) -> Any:
        return "TransformJobSummaries", []

    def _list_model_package_groups(self) -> Any:
        return "ModelPackageGroupSummaryList", [{"ModelPackageGroupName": "g", "ModelPackageGroupArn": f"{ARN}:group/g"}]

    def _list_model_packages(self, **_: Any) -> Any:
        return "ModelPackageSummaryList", list(self.account.packages.values())

    def _describe_repositories(self, **_: Any) -> Any:
        return "repositories", self.describe_repositories()["repositories"]

    def _describe_images(self, **_: Any) -> Any:
        return "imageDetails", self.account.images

    def _list_functions(self) -> Any:
        return "Functions", [{"FunctionName": name, "PackageType": "Image"} for name in self.account.functions]

    def _list_task_definitions(self, **_: Any) -> Any:
        return "taskDefinitionArns", list(self.account.tasks)

    def _list_state_machines(self) -> Any:
        return "stateMachines", [{"stateMachineArn": name} for name in self.account.machines]

    def _list_pipelines(self) -> Any:
        return "PipelineSummaries", [{"PipelineName": name} for name in self.account.pipelines]

    def _describe_log_groups(self, logGroupNamePrefix: str) -> Any:
        names = [name for name in self.account.log_groups if name.startswith(logGroupNamePrefix)]
        return "logGroups", [{"logGroupName": name, "creationTime": OLD.timestamp() * 1000, "storedBytes": 5e9} for name in names]

    def _list_multipart_uploads(self, **_: Any) -> Any:
        return "Uploads", []

    def _describe_stacks(self) -> Any:
        return "Stacks", [{"StackName": name, "StackStatus": "CREATE_COMPLETE"} for name in self.account.stacks]

    def _list_stack_resources(self, StackName: str) -> Any:
        return "StackResourceSummaries", [{"PhysicalResourceId": item} for item in self.account.stacks[StackName]]

    def _list_tags(self, ResourceArn: str) -> Any:
        return "Tags", [{"Key": "greensage:keep", "Value": ""}] if ResourceArn in self.account.kept else []

    def _get_metric_data(self, MetricDataQueries: Any, **_: Any) -> Any:
        found: list[dict[str, Any]] = []
        for row in MetricDataQueries:
            name = row["MetricStat"]["Metric"]["Dimensions"][0]["Value"]
            calls = self.account.called.get(name, 0.0) if row["MetricStat"]["Metric"]["MetricName"] == "Invocations" else 0.0
            found.append({"Id": row["Id"], "Timestamps": [NOW] if calls else [], "Values": [calls] if calls else []})
        return "MetricDataResults", found

    def _list_objects_v2(self, Prefix: str, **_: Any) -> Any:
        keys = [key for key in self.account.objects if key.startswith(Prefix)]
        return "Contents", [{"Key": key, "Size": 1e9, "LastModified": OLD} for key in keys]

    def _get_parameters_by_path(self, Path: str, **_: Any) -> Any:
        names = [name for name in self.account.parameters if name.startswith(f"{Path}/")]
        return "Parameters", [{"Name": name, "Value": self.account.parameters[name]} for name in names]

    def describe_inference_component(self, InferenceComponentName: str) -> Any:
        image = {"DeployedImage": {"ResolvedImage": self.account.component_images.get(InferenceComponentName, "")}}
        return {"EndpointName": self.account.components[InferenceComponentName], "Specification": {"Container": image}}

    def describe_pipeline(self, PipelineName: str) -> Any:
        return {"PipelineDefinition": json.dumps({"Image": self.account.pipelines[PipelineName]})}

    def delete_endpoint(self, EndpointName: str) -> None:
        del self.account.endpoints[EndpointName]

    def delete_object(self, Bucket: str, Key: str) -> None:
        assert Bucket == "bucket"
        self.account.objects.remove(Key)

    def describe_endpoint(self, EndpointName: str) -> Any:
        return self.account.endpoints[EndpointName]

    def describe_endpoint_config(self, EndpointConfigName: str) -> Any:
        return self.account.configs[EndpointConfigName]

    def describe_model(self, ModelName: str) -> Any:
        return self.account.models[ModelName]

    def describe_model_package(self, ModelPackageName: str) -> Any:
        return self.account.packages[ModelPackageName]

    def describe_repositories(self, **_: Any) -> Any:
        return {"repositories": [{"repositoryName": "serving", "repositoryArn": "arn:serving", "repositoryUri": URI}]}

    def describe_images(self, imageIds: Any, **_: Any) -> Any:
        return {"imageDetails": [row for row in self.account.images if row["imageDigest"] == imageIds[0]["imageDigest"]]}

    def list_tags_for_resource(self, **_: Any) -> Any:
        return {"tags": [{"Key": "greensage:keep"}] if "arn:serving" in self.account.kept else []}

    def list_tags_log_group(self, logGroupName: str) -> Any:
        return {"tags": {"greensage:keep": ""} if logGroupName in self.account.kept else {}}

    def get_function(self, FunctionName: str) -> Any:
        return {"Code": {"ImageUri": self.account.functions[FunctionName]}}

    def describe_task_definition(self, taskDefinition: str) -> Any:
        return {"taskDefinition": {"containerDefinitions": [{"image": self.account.tasks[taskDefinition]}]}}

    def describe_state_machine(self, stateMachineArn: str) -> Any:
        return {"definition": json.dumps({"Image": self.account.machines[stateMachineArn]})}

    def get_parameter(self, Name: str) -> Any:
        return {"Parameter": {"Value": "serving" if "repository" in Name else "bucket"}}

    def delete_endpoint_config(self, EndpointConfigName: str) -> None:
        self._called("delete_endpoint_config")
        del self.account.configs[EndpointConfigName]

    def delete_model(self, ModelName: str) -> None:
        self._called("delete_model")
        del self.account.models[ModelName]

    def delete_model_package(self, ModelPackageName: str) -> None:
        del self.account.packages[ModelPackageName]

    def delete_log_group(self, logGroupName: str) -> None:
        self.account.log_groups.remove(logGroupName)

    def batch_delete_image(self, imageIds: Any, **_: Any) -> Any:
        self.account.images = [row for row in self.account.images if row["imageDigest"] != imageIds[0]["imageDigest"]]
        return {"failures": []}


@pytest.fixture
def account() -> Account:
    """An endpoint with its configuration, model and image: nothing here is unused."""
    made = Account()
    made.image("aa", "v1")
    made.model("serves", f"{URI}:v1")
    made.config("current", "serves")
    made.endpoint("churn", "current")
    made.log_groups = ["/aws/sagemaker/Endpoints/churn"]
    return made


def reading(account: Account) -> Reading:
    return Reading(account, "eu-north-1", datetime(2026, 11, 1, tzinfo=UTC).timestamp())


def unused(account: Account) -> set[str]:
    found = find_unused(reading(account))
    assert not found.problems
    return {item.name for item in found.items}


def deleted(account: Account, folder: Path, names: set[str] | None = None) -> list[Outcome]:
    items = [item for item in find_unused(reading(account)).items if names is None or item.name in names]
    return list(delete_unused(reading(account), items, folder / "ledger.jsonl"))


def test_what_is_used_stays(account):
    assert unused(account) == set()


def test_an_old_configuration_its_model_and_the_log_group_of_an_endpoint_that_went(account, tmp_path):
    account.model("before")
    account.config("old", "before")
    account.log_groups.append("/aws/sagemaker/Endpoints/gone")
    assert unused(account) == {"old", "before", "/aws/sagemaker/Endpoints/gone"}
    assert {outcome.state for outcome in deleted(account, tmp_path)} == {"deleted"}
    assert set(account.configs) == {"current"} and set(account.models) == {"serves"}
    rows = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [row["state"] for row in rows] == ["deleting", "deleted"] * 3
    assert rows[0]["definition"]["ProductionVariants"] == [{"VariantName": "v", "ModelName": "before"}]
    assert rows[0]["restore"].startswith("aws sagemaker create-endpoint-config") and "CreationTime" not in rows[0]["definition"]


@pytest.mark.parametrize(
    "keeps",
    [
        lambda account: account.kept.update({f"{ARN}:endpoint-config/old", f"{ARN}:model/before"}),
        lambda account: account.stacks.update(churn=["old", f"{ARN}:model/before"]),
        lambda account: account.endpoint("churn", "current", pending="old"),
        lambda account: (account.config("old", "before", created=NOW), account.model("before", created=NOW)),
    ],
    ids=["a tag", "a stack", "an update under way", "its age"],
)
def test_what_keeps_something(account, keeps):
    account.model("before")
    account.config("old", "before")
    keeps(account)
    assert unused(account) == set()


@pytest.mark.parametrize(
    "names",
    [
        lambda account: account.model("other", f"{URI}@sha256:bb"),
        lambda account: account.functions.update(f=f"{URI}:v2"),
        lambda account: account.tasks.update(t=f"{URI}:v2"),
        lambda account: account.machines.update(m=f"{URI}:v2"),
        lambda account: account.pipelines.update(p=f"{URI}:v2"),
        lambda account: (account.components.update(c="serves"), account.component_images.update(c=f"{URI}@sha256:bb")),
        lambda account: account.images[-1]["imageTags"].append("in-use-churn"),
        lambda account: account.kept.add("arn:serving"),
    ],
    ids=[
        "a model, by digest",
        "a function",
        "a task",
        "a state machine",
        "a pipeline",
        "a component",
        "a stack's tag",
        "the repository's tag",
    ],
)
def test_an_image_that_anything_names_stays(account, names):
    account.image("bb", "v2")
    assert unused(account) == {"serving:v2"}
    names(account)
    assert "serving:v2" not in unused(account)


def test_of_a_group_the_newest_the_approved_the_deployed_and_the_waiting_stay(account):
    for version in range(1, 11):
        account.package(version, {2: "Approved", 4: "PendingManualApproval"}.get(version, "Rejected"))
    account.models["serves"]["PrimaryContainer"]["ModelPackageName"] = f"{ARN}:model-package/g/3"
    assert unused(account) == {"g/1", "g/5"}


def test_five_thousand_are_read_to_the_last_page(account):
    for index in range(5_000):
        account.model(f"m{index:04}")
    account.config("all", *(f"m{index:04}" for index in range(4_999)))
    account.endpoint("wide", "all")
    assert unused(account) == {"m4999"}


def test_what_comes_into_use_between_looking_and_deleting_stays(account, tmp_path):
    account.image("bb", "v2")
    account.model("before")
    account.config("old", "before")
    items = find_unused(reading(account)).items
    account.functions["f"] = f"{URI}:v2"
    account.endpoint("churn", "current", pending="old")
    outcomes = list(delete_unused(reading(account), items, tmp_path / "ledger.jsonl"))
    assert {outcome.item.name: outcome.state for outcome in outcomes} == dict.fromkeys(
        ("old", "before", "serving:v2"), "in use again"
    )
    assert len(account.images) == 2 and "old" in account.configs and (tmp_path / "ledger.jsonl").read_text() == ""


@pytest.mark.parametrize("operation", ["list_functions", "list_task_definitions", "list_state_machines", "list_models"])
def test_where_not_all_users_can_be_read_no_image_is_judged(account, operation):
    account.image("bb", "v2")
    account.refused.add(operation)
    found = find_unused(reading(account), ["image"])
    assert found.items == [] and "image: not judged" in found.problems[0] and f"not {operation} for you" in found.problems[0]


def test_one_that_cannot_be_deleted_is_said_and_the_others_go(account, tmp_path):
    account.model("before")
    account.config("old", "before")
    account.log_groups.append("/aws/sagemaker/Endpoints/gone")
    account.refused.add("delete_endpoint_config")
    outcomes = {outcome.item.name: outcome for outcome in deleted(account, tmp_path)}
    assert outcomes["old"].state == "failed" and "not delete_endpoint_config for you" in outcomes["old"].reason
    assert outcomes["before"].state == "in use again", "its configuration still names it"
    assert outcomes["/aws/sagemaker/Endpoints/gone"].state == "deleted"


def test_an_unknown_kind_is_refused_with_those_that_there_are(account):
    with pytest.raises(GreensageError, match="bucket: no such kind; allowed: idle endpoint, endpoint configuration, model, "):
        find_unused(reading(account), ["bucket"])


def test_an_endpoint_that_nobody_called_is_told_and_deleted_on_request_only():
    account = Account()
    for name in ("called", "idle", "in-a-stack", "kept", "by-component"):
        account.config(f"{name}-config")
        account.endpoint(name, f"{name}-config")
        account.called[name] = 0.0
    account.called |= {"called": 3.0, "component": 2.0}
    account.components = {"component": "by-component"}
    account.stacks = {"s": ["in-a-stack"]}
    account.kept = {f"{ARN}:endpoint/kept"}
    found = {item.name: item for item in find_unused(reading(account), ["idle endpoint"]).items}
    assert set(found) == {"idle", "in-a-stack"}
    assert found["idle"].on_request and not found["idle"].advice
    assert "rightsize --write" in found["in-a-stack"].advice
    assert found["idle"].definition == {"EndpointName": "idle", "EndpointConfigName": "idle-config"}


def test_an_endpoint_that_is_called_again_stays(tmp_path):
    account = Account()
    account.config("c")
    account.endpoint("idle", "c")
    account.called["idle"] = 0.0
    look = reading(account)
    (item,) = find_unused(look, ["idle endpoint"]).items
    account.called["idle"] = 1.0
    assert [row.state for row in delete_unused(look, [item], tmp_path / "l")] == ["in use again"]
    account.called["idle"] = 0.0
    assert [row.state for row in delete_unused(look, [item], tmp_path / "l")] == ["deleted"]
    assert account.endpoints == {} and account.configs != {}


def test_archives_of_models_that_are_gone_and_that_nothing_names(tmp_path):
    account = Account()
    account.objects = [f"models/{name}/a.tar.gz" for name in ("gone", "living", "named", "champion")] + [
        "groups/g/a",
        "kpi/2026-01",
    ]
    account.parameters = {
        "/greensage/models/living": "{}", "/greensage/groups/g/k/endpoint": "e",
        "/greensage/champions/champion": json.dumps({"bucket": "bucket", "key": "models/champion/a.tar.gz"}),
    }  # fmt: skip
    account.model("m")
    account.models["m"]["PrimaryContainer"]["ModelDataUrl"] = "s3://bucket/models/named/a.tar.gz"
    look = reading(account)
    (item,) = find_unused(look, ["artifact"]).items
    assert item.name == "s3://bucket/models/gone/a.tar.gz" and item.gb == 1
    account.parameters["/greensage/specs/gone"] = "{}"
    assert [row.state for row in delete_unused(look, [item], tmp_path / "l")] == ["in use again"]
    del account.parameters["/greensage/specs/gone"]
    assert [row.state for row in delete_unused(look, [item], tmp_path / "l")] == ["deleted"]
    assert len(account.objects) == 5


def test_metrics_that_cannot_be_read_make_nothing_idle():
    account = Account()
    account.endpoint("e", "c")
    account.config("c")
    account.refused = {"get_metric_data"}
    found = find_unused(reading(account), ["idle endpoint"])
    assert found.items == [] and "not judged" in found.problems[0]
