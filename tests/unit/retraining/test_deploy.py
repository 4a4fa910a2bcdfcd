"""The deployment steps, each on its own: what they ask of SageMaker, and what they leave alone."""

from __future__ import annotations

import json
import time

import pytest
from retraining.deploy import STEPS, Deployer
from retraining.errors import Busy

from tests.unit.retraining.aws import S3, Recorder, refused

ROLE = "arn:aws:iam::111111111111:role/serving"
PACKAGE = "arn:aws:sagemaker:eu-north-1:111111111111:model-package/churn/3"
TRAINED = {
    "TrainingJobName": "churn-3-a", "TrainingJobStatus": "Completed", "ResourceConfig": {"InstanceType": "ml.c7i.large"},
    "BillableTimeInSeconds": 90,
}  # fmt: skip
RUN = {
    "name": "retraining-3", "number": 3, "report": "r1", "reasons": ["auc is 0.6", "drift of a"], "artifact": "s3://out/re/3.tar.gz",
    "trained": TRAINED, "verdict": {"promote": True, "gain": 0.02, "reasons": []}, "why": None,
}  # fmt: skip
GIVEN = {
    "model": "churn", "base": "churn", "group": "churn-group", "endpoint": "live", "variant": "main",
    "outputs": {"bucket": "out", "prefix": "re/"}, "content_types": ["text/csv"], "champion": "/champion",
    "metrics": {"bucket": "loop", "prefix": "churn/"}, "footprint": {"kwh": 0.02, "grams": 4.0, "seconds": 60},
    "update_seconds": 600,
}  # fmt: skip
CONFIG = {
    "EndpointConfigName": "now", "KmsKeyId": "key", "CreationTime": 0, "ProductionVariants": [
        {"VariantName": "other", "ModelName": "b", "InstanceType": "ml.c7g.large", "InitialInstanceCount": 1},
        {"VariantName": "main", "ModelName": "a", "InstanceType": "ml.c7g.large", "InitialInstanceCount": 1},
    ],
    "DataCaptureConfig": {
        "InitialSamplingPercentage": 10, "DestinationS3Uri": "s3://loop/", "CaptureOptions": [{"CaptureMode": "Input"}],
    },
}  # fmt: skip
MODEL = {
    "ModelName": "a", "ExecutionRoleArn": ROLE, "EnableNetworkIsolation": True, "CreationTime": 0,
    "PrimaryContainer": {"Image": "image:1", "ModelDataUrl": "s3://in/old.tar.gz", "ModelDataSource": {"S3DataSource": {}}},
}  # fmt: skip


def deployer(status: str = "InService", config: str = "now", given: dict | None = None, **answers):
    usual = {
        "describe_endpoint": {"EndpointStatus": status, "EndpointConfigName": config}, "describe_endpoint_config": CONFIG,
        "describe_model": MODEL, "create_model_package": {"ModelPackageArn": PACKAGE},
        "list_training_jobs": {"TrainingJobSummaries": []}, "list_processing_jobs": {"ProcessingJobSummaries": []},
        "list_model_packages": {"ModelPackageSummaryList": []},
    }  # fmt: skip
    sagemaker = Recorder("sagemaker", **{**usual, **answers})
    ssm = Recorder("ssm", get_parameter={"Parameter": {"Value": json.dumps({"id": "r2", "source": "asset"})}})
    files = S3()
    files.put_object(Bucket="out", Key="re/3.tar.gz", Body=b"")
    return Deployer({**GIVEN, **(given or {})}, sagemaker, ssm, files), sagemaker, ssm, files


def test_each_step_has_its_name():
    assert set(STEPS) == {"register", "approve", "deploy", "check", "finish", "clean_up"}
    assert all(work.__name__ == name for name, work in STEPS.items())


def test_a_challenger_is_registered_with_its_metrics_and_where_it_came_from():
    made, sagemaker, _, _ = deployer()
    assert made.register(RUN) == {"package": PACKAGE}
    (asked,) = sagemaker.asked("create_model_package")
    assert asked["ModelPackageGroupName"] == "churn-group" and asked["ModelApprovalStatus"] == "PendingManualApproval"
    assert asked["ModelPackageDescription"] == "greensage retraining-3: auc is 0.6; drift of a"
    specification = asked["InferenceSpecification"]
    assert specification["Containers"] == [{"Image": "image:1", "ModelDataUrl": "s3://out/re/3.tar.gz"}]
    assert specification["SupportedContentTypes"] == specification["SupportedResponseMIMETypes"] == ["text/csv"]
    place = "s3://loop/churn/retraining/retraining-3/compared/"
    assert asked["ModelMetrics"] == {
        "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": f"{place}evaluation.json"}},
        "ModelDataQuality": {
            "Statistics": {"ContentType": "application/json", "S3Uri": f"{place}statistics.json"},
            "Constraints": {"ContentType": "application/json", "S3Uri": f"{place}constraints.json"},
        },
    }
    assert asked["CustomerMetadataProperties"] == {
        "retraining": "retraining-3", "report": "r1", "trainingJob": "churn-3-a", "instanceType": "ml.c7i.large",
        "billedSeconds": "90.0", "champion": "s3://in/old.tar.gz", "gain": "0.02", "reasons": "auc is 0.6; drift of a",
        "kWhEstimated": "0.03", "gCO2eEstimated": "6",
    }  # fmt: skip


def test_a_registration_that_is_asked_for_twice_has_one_token():
    made, sagemaker, _, _ = deployer()
    made.register(RUN), made.register({**RUN, "reasons": []}), made.register({**RUN, "name": "retraining-4"})
    first, again, other = (row["ClientToken"] for row in sagemaker.asked("create_model_package"))
    assert first == again != other and len(first) == 36


def test_deploying_keeps_all_but_the_models_variant():
    made, sagemaker, _, _ = deployer(given={"deployment": {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}})
    assert made.deploy(RUN)["config"] == "churn-r3"
    (model,) = sagemaker.asked("create_model")
    assert model == {
        "ModelName": "churn-r3", "PrimaryContainer": {"Image": "image:1", "ModelDataUrl": "s3://out/re/3.tar.gz"},
        "ExecutionRoleArn": ROLE, "EnableNetworkIsolation": True,
    }  # fmt: skip
    (config,) = sagemaker.asked("create_endpoint_config")
    assert [(row["VariantName"], row["ModelName"]) for row in config["ProductionVariants"]] == [
        ("other", "b"),
        ("main", "churn-r3"),
    ]
    assert config["EndpointConfigName"] == "churn-r3" and config["KmsKeyId"] == "key"
    assert config["DataCaptureConfig"] == CONFIG["DataCaptureConfig"] and "CreationTime" not in config
    (update,) = sagemaker.asked("update_endpoint")
    assert update == {
        "EndpointName": "live", "EndpointConfigName": "churn-r3", "RetainAllVariantProperties": True,
        "DeploymentConfig": {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}},
    }  # fmt: skip


def test_serverless_variants_have_no_counts_to_keep():
    variants = [{"VariantName": "main", "ModelName": "a", "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1}}]
    made, sagemaker, _, _ = deployer(describe_endpoint_config={"ProductionVariants": variants})
    made.deploy(RUN)
    (update,) = sagemaker.asked("update_endpoint")
    assert update["RetainAllVariantProperties"] is False and "DeploymentConfig" not in update


@pytest.mark.parametrize(("status", "config"), [("InService", "churn-r3"), ("Updating", "now")])
def test_what_is_deployed_or_on_its_way_is_not_deployed_again(status, config):
    made, sagemaker, _, _ = deployer(status, config)
    assert made.deploy(RUN)["config"] == "churn-r3"
    assert not sagemaker.asked("update_endpoint") and not sagemaker.asked("create_model")


def test_what_a_try_before_has_made_is_used():
    there = refused("ValidationException", "Cannot create already existing model")
    made, sagemaker, _, _ = deployer(create_model=there, create_endpoint_config=there)
    assert made.deploy(RUN)["config"] == "churn-r3" and sagemaker.asked("update_endpoint")
    made, _, _, _ = deployer(create_model=refused("ResourceLimitExceeded"))
    with pytest.raises(Exception, match="ResourceLimitExceeded"):
        made.deploy(RUN)


@pytest.mark.parametrize(
    ("status", "config", "found"),
    [
        *((moving, "now", {"status": "updating"}) for moving in ("Creating", "RollingBack", "SystemUpdating", "Updating")),
        ("InService", "churn-r3", {"status": "done"}),
        ("InService", "now", {"status": "rolled-back", "reason": "the endpoint is InService on now"}),
        ("Failed", "churn-r3", {"status": "rolled-back", "reason": "the endpoint is Failed on churn-r3"}),
    ],
)
def test_how_an_update_stands(status, config, found):
    made, _, _, _ = deployer(status, config)
    assert made.check({**RUN, "deployed": {"config": "churn-r3", "begun": time.time()}}) == found


def test_an_update_that_does_not_end_is_given_up():
    made, _, _, _ = deployer("Updating", "now")
    begun = time.time() - 601
    found = made.check({**RUN, "deployed": {"config": "churn-r3", "begun": begun}})
    assert found == {"status": "rolled-back", "reason": "the endpoint is still Updating after 10 minutes"}


def test_a_roll_back_says_sagemakers_own_reason():
    rolled = {"EndpointStatus": "InService", "EndpointConfigName": "now", "FailureReason": "alarm a went off"}
    made, _, _, _ = deployer(describe_endpoint=rolled)
    assert made.check({**RUN, "deployed": {"config": "churn-r3"}}) == {"status": "rolled-back", "reason": "alarm a went off"}


def test_the_new_champion_is_remembered_and_the_old_one_deleted():
    made, sagemaker, ssm, _ = deployer()
    champion = {"artifact": "s3://out/re/3.tar.gz", "id": "r3", "retraining": "retraining-3"}
    assert made.finish(RUN) == champion
    assert sagemaker.asked("delete_endpoint_config") == [{"EndpointConfigName": "churn-r2"}]
    assert sagemaker.asked("delete_model") == [{"ModelName": "churn-r2"}]
    (put,) = ssm.asked("put_parameter")
    assert json.loads(put["Value"]) == {"source": "asset", **champion} and put["Name"] == "/champion" and put["Overwrite"]


@pytest.mark.parametrize("known", [{"id": "deployed"}, {"id": "r3"}, {}])
def test_a_champion_of_the_stack_or_its_own_is_not_deleted(known):
    made, sagemaker, ssm, _ = deployer()
    ssm.answers["get_parameter"] = {"Parameter": {"Value": json.dumps(known)}}
    made.finish(RUN)
    assert not sagemaker.asked("delete_model") and not sagemaker.asked("delete_endpoint_config")


def test_a_loser_leaves_nothing():
    jobs = {"TrainingJobSummaries": [{"TrainingJobName": "churn-3-a"}]}
    work = {"ProcessingJobSummaries": [{"ProcessingJobName": "churn-3-b"}]}
    made, sagemaker, _, files = deployer(list_training_jobs=jobs, list_processing_jobs=work)
    assert made.clean_up({**RUN, "why": "lost"}) == {"stopped": ["churn-3-a", "churn-3-b"], "rejected": None, "in_use": False}
    assert sagemaker.asked("stop_training_job") == [{"TrainingJobName": "churn-3-a"}]
    assert sagemaker.asked("stop_processing_job") == [{"ProcessingJobName": "churn-3-b"}]
    for name in ("list_training_jobs", "list_processing_jobs"):
        assert sagemaker.asked(name) == [{"NameContains": "churn-3-", "StatusEquals": "InProgress"}]
    assert sagemaker.asked("delete_model") == [{"ModelName": "churn-r3"}]
    assert not files.objects and not sagemaker.asked("update_model_package")


def test_a_registered_challenger_is_rejected_and_keeps_its_archive():
    made, sagemaker, _, files = deployer()
    found = made.clean_up({**RUN, "registered": {"package": PACKAGE}, "why": None})
    assert found == {"stopped": [], "rejected": PACKAGE, "in_use": False} and files.objects
    (status,) = sagemaker.asked("update_model_package")
    wanted = {"ModelPackageArn": PACKAGE, "ModelApprovalStatus": "Rejected", "ApprovalDescription": "the retraining failed"}
    assert status == wanted
    made.clean_up({**RUN, "registered": {"package": PACKAGE}, "why": "lost"})
    assert sagemaker.asked("update_model_package")[1]["ApprovalDescription"] == "lost"


def test_a_package_whose_registration_timed_out_is_found():
    rows = [
        {"ModelPackageDescription": "greensage retraining-30: x", "ModelPackageArn": PACKAGE.replace("/3", "/30")},
        {"ModelPackageArn": PACKAGE.replace("/3", "/1")},
        {"ModelPackageDescription": "greensage retraining-3: auc", "ModelPackageArn": PACKAGE},
    ]
    made, sagemaker, _, _ = deployer(list_model_packages={"ModelPackageSummaryList": rows})
    assert made.clean_up(RUN)["rejected"] == PACKAGE
    wanted = {"ModelPackageGroupName": "churn-group", "ModelApprovalStatus": "PendingManualApproval"}
    assert sagemaker.asked("list_model_packages") == [wanted]


@pytest.mark.parametrize("artifact", ["s3://elsewhere/re/3.tar.gz", "s3://out/models/3.tar.gz", None])
def test_an_archive_that_is_not_the_retrainings_stays(artifact):
    made, _, _, files = deployer()
    made.clean_up({**RUN, "artifact": artifact})
    assert files.objects


def test_jobs_and_configs_that_are_gone_do_not_matter():
    jobs = {"TrainingJobSummaries": [{"TrainingJobName": "churn-3-a"}]}
    gone = {name: refused("ResourceNotFound") for name in ("stop_training_job", "delete_model", "delete_endpoint_config")}
    made, _, _, _ = deployer(list_training_jobs=jobs, **gone)
    assert made.clean_up(RUN)["stopped"] == []
    made, _, _, _ = deployer(delete_model=refused("AccessDeniedException"))
    with pytest.raises(Exception, match="AccessDenied"):
        made.clean_up(RUN)


def test_what_serves_already_becomes_the_champion_and_what_moves_is_waited_for():
    made, sagemaker, ssm, files = deployer(config="churn-r3")
    assert made.clean_up(RUN) == {"stopped": [], "in_use": True}
    assert ssm.asked("put_parameter") and files.objects and not sagemaker.asked("update_model_package")
    made, _, _, _ = deployer("Updating")
    with pytest.raises(Busy, match="the endpoint is Updating"):
        made.clean_up(RUN)


def test_long_reasons_are_cut_to_what_sagemaker_takes():
    made, sagemaker, _, _ = deployer()
    made.register({**RUN, "reasons": ["x" * 3_000]})
    (asked,) = sagemaker.asked("create_model_package")
    assert len(asked["ModelPackageDescription"]) == 1_024 and len(asked["CustomerMetadataProperties"]["reasons"]) == 256
    made.approve({"registered": {"package": PACKAGE}, "approval": {"by": "y" * 3_000}})
    assert len(sagemaker.asked("update_model_package")[0]["ApprovalDescription"]) <= 1_024
