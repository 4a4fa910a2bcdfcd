"""What a plan needs of an account, and how an answer of AWS is judged; the calls themselves are tried in tests/cloud."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from greensage.operate.preflight.look import Look, NotReadable, reading
from greensage.operate.preflight.needs import Need, needs_of
from greensage.operate.preflight.quotas import check_quotas
from greensage.operate.preflight.stacks import check_stacks
from greensage.planner import plan
from greensage.spec import load_specs
from tests.conftest import MODELS


@pytest.fixture(scope="module")
def needs():
    return {(need.region, need.name): need for need in needs_of(plan(load_specs(MODELS), default_region="eu-north-1"))}


def test_every_instance_of_the_plan_is_counted_once_and_twice_for_updates(needs):
    need = needs["eu-north-1", "ml.c8g.medium for endpoint usage"]
    # Five endpoints begin with one each; at the peak each has two, and an update runs both fleets.
    assert (need.first, need.most) == (5, 20) and {"churn", "iris", "wine", "glucose", "scans"} <= set(need.models)
    every = needs["eu-north-1", "Number of instances across active endpoints"]
    assert every.first == need.first + needs["eu-north-1", "ml.c7i.large for endpoint usage"].first


def test_jobs_come_and_go_and_may_meet():
    fleet = plan(load_specs(MODELS / "fleet"), default_region="eu-north-1")
    found = {(need.region, need.name): need for need in needs_of(fleet)}
    need = found["eu-north-1", "ml.c7i.large for transform job usage"]
    assert (need.first, need.most) == (1, len(need.models)) and len(need.models) > 3


def test_trainings_come_and_go_and_try_their_first_type_on_demand(tmp_path):
    content = (MODELS / "churn.yaml").read_text()
    (tmp_path / "train").mkdir()
    (tmp_path / "train/train.py").write_text("")
    (tmp_path / "data.csv").write_text("a,y\n1,0\n")
    for name in ("one", "two"):
        more = (
            "drift: {baseline: data.csv, kpi: {auc: 0.8}}\nretraining: {source: train, data: data.csv, label: y, "
            "instance_types: [ml.m5.large, ml.m5.xlarge]}\n"
        )
        (tmp_path / f"{name}.yaml").write_text(content.replace("name: churn", f"name: {name}") + more)
    fleet = plan(load_specs(tmp_path, assume_artifacts=True), default_region="eu-north-1")
    (need,) = [need for need in needs_of(fleet) if need.one_of]
    assert (need.first, need.most, need.models) == (1, 2, ("one", "two"))
    assert need.one_of[-1] == "ml.m5.large for training job usage"


def test_jobs_and_serverless_have_quotas_of_their_own(needs):
    assert needs["eu-north-1", "ml.c7i.large for transform job usage"].models == ("claims",)
    total = "Maximum total concurrency that can be allocated across all serverless endpoints"
    assert needs["eu-north-1", total].first == 5
    assert not [name for region, name in needs if region == "eu-west-1"], "devices have no quota here"


def fake(quotas: dict[str, float], endpoints: tuple[str, ...] = (), **row) -> Look:
    look = Look(None, "eu-north-1", "/greensage")
    rows = {
        name: {"QuotaName": name, "Value": value, "ServiceCode": "sagemaker", "QuotaCode": "L-1", **row}
        for name, value in quotas.items()
    }
    look._clients["quotas of sagemaker"] = rows
    look.pages = lambda service, operation, key, **asked: iter(  # type: ignore[method-assign]
        {"EndpointName": name, "EndpointStatus": "InService"} for name in endpoints
    )
    described = {
        "describe_endpoint": {"EndpointConfigName": "c", "ProductionVariants": [{"VariantName": "v", "CurrentInstanceCount": 3}]},
        "describe_endpoint_config": {"ProductionVariants": [{"VariantName": "v", "InstanceType": "ml.c8g.medium"}]},
    }
    look.ask = lambda service, operation, **asked: described.get(operation)  # type: ignore[method-assign]
    return look


NAME = "ml.c8g.medium for endpoint usage"


@pytest.mark.parametrize(
    ("value", "endpoints", "state"),
    [
        (0, (), "stops"),
        (1, (), "limits"),
        (4, (), "ok"),
        (4, ("theirs",), "limits"),
        (3, ("theirs",), "stops"),
        (4, ("ours",), "ok"),
    ],
)
def test_a_quota_stops_limits_or_is_enough_with_what_others_take(value, endpoints, state):
    look = fake({NAME: value}, endpoints)
    check_quotas(look, [Need("eu-north-1", "sagemaker", NAME, 1, 4, ("churn",), "in an update")], frozenset({"ours"}))
    (check,) = look.checks
    assert check.state == state and check.models == ("churn",)
    if state != "ok":
        assert check.do == (
            "aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code L-1 "
            f"--desired-value {4 + 3 * ('theirs' in endpoints)} --region eu-north-1"
        )


def test_a_quota_that_is_not_listed_or_cannot_be_raised_is_said_so():
    need = Need("eu-north-1", "sagemaker", NAME, 1, 1, ("churn",))
    unknown, fixed = fake({}), fake({NAME: 0}, Adjustable=False)
    for look in (unknown, fixed):
        check_quotas(look, [need], frozenset())
    assert unknown.checks[0].state == "unknown" and "does not list it" in unknown.checks[0].found
    assert fixed.checks[0].state == "stops" and "another type" in fixed.checks[0].do


def test_one_type_to_train_on_is_enough():
    look = fake({"ml.m5.large for spot training job usage": 0, "ml.m5.large for training job usage": 2})
    one_of = ("ml.m5.large for spot training job usage", "ml.m5.large for training job usage")
    check_quotas(look, [Need("eu-north-1", "sagemaker", one_of[0], 1, 1, ("churn",), one_of=one_of)], frozenset())
    assert look.checks[0].state == "ok"


@pytest.mark.parametrize(
    ("status", "tags", "state", "do"),
    [
        ("UPDATE_COMPLETE", ["greensage:model"], "ok", ""),
        ("ROLLBACK_COMPLETE", ["greensage:model"], "later", ""),
        ("UPDATE_ROLLBACK_FAILED", ["greensage:model"], "stops", "npx cdk rollback churn"),
        ("CREATE_FAILED", ["greensage:group"], "stops", "npx cdk rollback churn"),
        ("DELETE_FAILED", ["greensage:model"], "stops", "aws cloudformation delete-stack --stack-name churn --region eu-north-1"),
        ("UPDATE_IN_PROGRESS", ["greensage:model"], "stops", "wait until it has ended"),
        ("UPDATE_COMPLETE", ["team"], "stops", "give the model another name"),
        ("REVIEW_IN_PROGRESS", [], "ok", ""),
    ],
)
def test_a_stack_that_is_there_is_judged_as_the_cdk_would_meet_it(status, tags, state, do):
    look = fake({})
    look.__dict__["stacks"] = {"churn": {"StackStatus": status, "Tags": [{"Key": key, "Value": "x"} for key in tags]}}
    churn = plan(load_specs(MODELS, only="churn"), default_region="eu-north-1")
    check_stacks(look, churn)
    (check,) = [check for check in look.checks if check.what == "stack churn"]
    assert (check.state, check.do) == (state, do)


@pytest.mark.parametrize("code", ["NoSuchEntity", "ParameterNotFound", "404", "RepositoryNotFoundException", "NotFound"])
def test_what_is_not_there_is_none(code):
    assert reading(lambda: failing(code, "")) is None


def test_what_sagemaker_cannot_find_is_none():
    assert reading(lambda: failing("ValidationException", "Could not find model package arn:aws:...")) is None
    with pytest.raises(NotReadable):
        reading(lambda: failing("ValidationException", "1 validation error detected"))


@pytest.mark.parametrize(("code", "said"), [("AccessDenied", "you may not read it"), ("InternalFailure", "try later")])
def test_what_cannot_be_read_is_not_taken_for_missing(code, said):
    with pytest.raises(NotReadable, match=said):
        reading(lambda: failing(code, "try later"))
    with pytest.raises(NotReadable):
        reading(unreachable)


def test_a_check_that_could_not_be_made_is_unknown_and_never_ok():
    look = fake({})
    look.try_to("topic", lambda: reading(lambda: failing("AccessDenied", "")), ("churn",))
    assert [(check.what, check.state) for check in look.checks] == [("topic", "unknown")]


def failing(code: str, message: str) -> None:
    raise ClientError({"Error": {"Code": code, "Message": message}}, "DescribeIt")


def unreachable() -> SimpleNamespace:
    raise EndpointConnectionError(endpoint_url="https://nowhere")
