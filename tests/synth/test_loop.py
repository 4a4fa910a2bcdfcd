"""The retraining loop as templates: clean by both packs, least rights, nothing kept for ever, and what is refused."""

from __future__ import annotations

import json
import sys

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from greensage.checks import SustainabilityChecks
from greensage.endpoints import ContainerImage
from greensage.endpoints.base import Endpoint
from greensage.errors import GreensageError, PlanError
from greensage.monitoring import Baseline, DriftMonitor, DriftSettings, ModelQualityMonitor, MonitoringBucket, QualitySettings
from greensage.retraining import Champion, DataFile, DriftAlerts, RetrainingPolicy, TrainingSource
from greensage.retraining.jobs import Jobs
from greensage.storage.artifacts import ArtifactLocation
from tests.looped import RETRAINED, WATCHED, write_models

from .conftest import ENV, build_fleet, synthesize

IMAGE = ContainerImage.prebuilt("xgboost", "3.0-5", architecture="x86_64", region="eu-north-1")


PIPELINED = (
    RETRAINED.replace("name: retrained", "name: pipelined")
    .replace("retrained.tar.gz", "pipelined.tar.gz")
    .replace("approval: person", "approval: person, engine: pipelines")
)
# What the SDK makes is tested with the SDK, in tests/cloud/test_pipelines.py.
DEFINITION = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": []}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"), WATCHED, RETRAINED)


@pytest.fixture(scope="module")
def made(models, tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("out"), build_fleet(models))


def statements(made, stack: str, policy: str) -> list[dict]:
    found = [row for name, row in made.resources(stack, "AWS::IAM::Policy").items() if name.startswith(policy)]
    assert found, f"no policy {policy}"
    return [item for row in found for item in row["Properties"]["PolicyDocument"]["Statement"]]


def test_it_is_clean_by_cdk_nag(made):
    assert made.error == ""


def test_it_is_clean_by_our_own_pack(models, tmp_path):
    app = App(outdir=str(tmp_path / "out"))
    pack = SustainabilityChecks(errors_from="low")
    from aws_cdk import Validations

    Validations.of(app).add_plugins(pack)
    build_fleet(models)(app)
    app.synth()


@pytest.fixture
def pipelined(tmp_path, monkeypatch):
    monkeypatch.setattr("greensage.retraining.pipeline_engine.definition", lambda parts: DEFINITION)
    return write_models(tmp_path / "models", PIPELINED)


def test_the_pipelines_engine_is_clean_too(pipelined, tmp_path):
    done = synthesize(tmp_path / "nag", build_fleet(pipelined))
    assert done.error == ""
    machines = done.resources("pipelined", "AWS::StepFunctions::StateMachine")
    assert len(machines) == 1  # the monitor's
    queue = next(row for row in done.resources("pipelined", "AWS::SQS::Queue").values() if "RedrivePolicy" in row["Properties"])
    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    rights = json.dumps(statements(done, "pipelined", "RetrainingEnginePolicy"))
    assert "events:PutRule" not in rights and '"Resource": "*"' not in rights
    app = App(outdir=str(tmp_path / "own"))
    from aws_cdk import Validations

    Validations.of(app).add_plugins(SustainabilityChecks(errors_from="low"))
    build_fleet(pipelined)(app)
    app.synth()


def test_without_the_sdk_the_pipelines_engine_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sagemaker", None)
    models = write_models(tmp_path / "models", PIPELINED)
    with pytest.raises(GreensageError, match=r"pip install 'greensage\[pipelines\]'"):
        build_fleet(models)(App(outdir=str(tmp_path / "out")))


def test_every_function_and_machine_has_a_log_group_that_ends(made):
    groups = made.resources("retrained", "AWS::Logs::LogGroup").values()
    assert groups and all(row["Properties"].get("RetentionInDays") for row in groups)
    for function in made.resources("retrained", "AWS::Lambda::Function").values():
        assert "LogGroup" in function["Properties"]["LoggingConfig"] and function["Properties"]["Architectures"] == ["arm64"]


def test_captures_expire_soon_reports_after_a_year_and_the_state_stays(made):
    (bucket,) = made.resources("retrained", "AWS::S3::Bucket").values()
    rules = {row.get("Prefix"): row.get("ExpirationInDays") for row in bucket["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["capture/"] == rules["labels/"] == rules["quarantine/"] == 7 and rules["reports/"] == 365
    assert "state/" not in rules


def test_the_serverless_container_captures_what_sagemaker_does_not(made):
    model = made.one("watched", "AWS::SageMaker::Model")
    environment = model["Properties"]["PrimaryContainer"]["Environment"]
    assert environment["GREENSAGE_CAPTURE_PERCENT"] == "100" and "capture/" in json.dumps(environment["GREENSAGE_CAPTURE_URI"])
    writes = [row for row in statements(made, "watched", "EndpointAccess") if "s3:PutObject" in row["Action"]]
    assert "capture/*" in json.dumps(writes) and len(writes) == 1


def test_only_what_iam_cannot_limit_names_every_resource(made):
    allowed = {
        "logs:CreateLogDelivery", "cloudwatch:PutMetricData", "ecr:GetAuthorizationToken", "sagemaker:ListProcessingJobs",
    }  # fmt: skip
    for row in made.resources("retrained", "AWS::IAM::Policy").values():
        for item in row["Properties"]["PolicyDocument"]["Statement"]:
            if item["Resource"] == "*":
                actions = item["Action"] if isinstance(item["Action"], list) else [item["Action"]]
                assert set(actions) & allowed, actions


def test_the_machine_trains_on_spot_with_a_bounded_wait_and_checkpoints(made):
    machines = made.resources("retrained", "AWS::StepFunctions::StateMachine")
    text = json.dumps(next(row for name, row in machines.items() if name.startswith("Retraining")))
    assert "EnableManagedSpotTraining" in text and "MaxWaitTimeInSeconds" in text and "CheckpointConfig" in text
    assert "waitForTaskToken" in text


def test_the_champion_is_looked_up_again_when_the_config_changes(made):
    champion = made.one("retrained", "Custom::GreensageChampion")["Properties"]
    image = made.one("retrained", "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"]["Image"]
    assert image in champion["Deployment"]["Values"] and champion["Parameter"] == "/greensage/champions/retrained"
    assert "Champion" not in json.dumps(champion["Deployment"]) and "Model" not in json.dumps(champion["Deployment"]["Values"])
    assert "Fn::GetAtt" in json.dumps(made.one("retrained", "AWS::SageMaker::Model")["Properties"]["PrimaryContainer"])


def test_the_champion_is_looked_up_again_for_an_override(tmp_path, models):
    def deployment(size: int | None, out: str) -> dict:
        def build(app: App) -> None:
            build_fleet(models)(app)
            stack = app.node.find_child("retrained")
            for endpoint in (item for item in stack.node.find_all() if isinstance(item, Endpoint)):
                if size:
                    endpoint.cfn_endpoint_config.add_property_override("ProductionVariants.0.VolumeSizeInGB", size)

        made = synthesize(tmp_path / out, build, nag=False)
        return made.one("retrained", "Custom::GreensageChampion")["Properties"]["Deployment"]

    contents = [deployment(size, str(size))["Content"] for size in (None, 20, 30)]
    assert len(set(contents)) == 3
    assert deployment(30, "again")["Content"] == contents[2], "the same content is the same template"


def alone(tmp_path, build) -> Stack:
    stack = Stack(App(outdir=str(tmp_path)), "Alone", env=ENV)
    build(stack)
    return stack


def monitor(stack: Stack, models, **props) -> DriftMonitor:
    bucket = MonitoringBucket(stack, "Loop", capture_days=3)
    baseline = Baseline.from_file(stack, "Baseline", models / "watched.statistics.json")
    return DriftMonitor(stack, "Drift", model="churn", bucket=bucket, baseline=baseline, **props)


def test_the_monitors_stand_alone_in_another_app(models, tmp_path):
    def build(app: App) -> None:
        stack = Stack(app, "Alone", env=ENV)
        found = monitor(stack, models, quality=QualitySettings({"auc": 0.8}))
        with pytest.raises(ValueError, match="publish_metrics=True"):
            found.metric_drifted_columns()
        quality = ModelQualityMonitor(
            stack, "Quality", model="other", bucket=found.bucket, prefix="other/", baseline=found.baseline,
            quality=QualitySettings({"rmse": 3.0}), publish_metrics=True,
        )  # fmt: skip
        DriftAlerts(stack, "Alerts", monitors=[found])
        assert quality.metric_kpis_below_threshold() and found.report_pattern["detail"] == {"model": ["churn"], "kind": ["drift"]}

    done = synthesize(tmp_path / "out", build)
    assert done.error == ""
    assert not done.resources("Alone", "AWS::CloudWatch::Alarm")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda stack, models: monitor(stack, models, schedule="rate(0 days)"), "rate"),
        (lambda stack, models: monitor(stack, models, prefix="a"), "slash"),
        (lambda stack, models: MonitoringBucket(stack, "B", capture_days=0), "capture_days"),
        (lambda stack, models: Baseline.from_file(stack, "B", models / "data.csv"), "no statistics.json"),
        (lambda stack, models: Baseline.from_file(stack, "B", "nowhere.json"), "greensage baseline"),
        (lambda stack, models: QualitySettings({"speed": 1}), "speed"),
        (lambda stack, models: DriftSettings(threshold=-1), "threshold"),
        (lambda stack, models: RetrainingPolicy(metric="speed"), "speed"),
        (lambda stack, models: RetrainingPolicy(flexible_hours=30), "0 to 24"),
        (
            lambda stack, models: RetrainingPolicy(engine="pipelines", approval="person", approval_hours=400),
            "approval_hours is 400; allowed: 1 to 300",
        ),
        (lambda stack, models: DriftAlerts(stack, "A", monitors=[]), "empty"),
        (
            lambda stack, models: TrainingSource(
                str(models), IMAGE, DataFile.in_bucket(s3.Bucket.from_bucket_name(stack, "X", "bucket-of-tests"), "k.csv"), "y"
            ),
            "train.py",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_synth(wrong, said, models, tmp_path):
    with pytest.raises(ValueError, match=said):
        alone(tmp_path, lambda stack: wrong(stack, models))


def together(kind: str, name: str, more: str = "drift: {kpi: {auc: 0.8}}") -> str:
    return (
        f"name: {name}\nmodel: {{artifact: {name}.tar.gz, framework: xgboost}}\ngroup: tabular\nhosting: {kind}\n"
        f"sla: {{latency_p95_ms: 500}}\nregion: {{allowed: [eu-north-1]}}\n{more}\n"
    )


@pytest.mark.parametrize("kind", ["multi-model", "multi-container", "inference-components"])
def test_models_that_share_an_endpoint_are_watched_each_for_itself(kind, tmp_path):
    files = [together(kind, "first"), together(kind, "second"), together(kind, "third", more="")]
    done = synthesize(tmp_path / "out", build_fleet(write_models(tmp_path / "models", *files)))
    assert done.error == ""
    group = "tabular" if kind == "multi-model" else f"tabular-{kind}"
    (bucket,) = done.resources(group, "AWS::S3::Bucket").values()
    rules = {row.get("Prefix"): row.get("ExpirationInDays") for row in bucket["Properties"]["LifecycleConfiguration"]["Rules"]}
    assert rules["first/capture/"] == rules["second/labels/"] == 7 and "third/capture/" not in rules
    assert rules[None] == 365  # what a member leaves behind when it goes
    writes = [row for row in statements(done, group, "EndpointAccess") if "s3:PutObject" in row["Action"]]
    assert "first/capture/*" in json.dumps(writes) or "/*/capture/*" in json.dumps(writes)
    assert "third/capture" not in json.dumps(writes)
    text = json.dumps(done.templates)
    wanted = "{model}/capture/" if kind == "multi-model" else "first/capture/"
    assert "GREENSAGE_CAPTURE_URI" in text and wanted in text and "third/capture/" not in text
    functions = done.resources("first", "AWS::Lambda::Function")
    settings = json.dumps(next(row for name, row in functions.items() if name.startswith("DriftEvaluate")))
    assert "first/" in settings
    assert not [name for name in done.resources("third", "AWS::Lambda::Function") if name.startswith("Drift")]


def test_a_model_behind_a_shared_endpoint_is_watched_but_not_retrained(tmp_path):
    files = [
        together("multi-model", "first", "drift: {kpi: {auc: 0.8}}\nretraining: {source: training, data: data.csv, label: y}"),
    ]
    with pytest.raises(PlanError, match="cannot be put behind multi-model hosting"):
        build_fleet(write_models(tmp_path / "models", *files))(App(outdir=str(tmp_path / "out")))


def test_training_data_with_a_key_of_their_own_can_be_read(models, tmp_path):
    def build(app: App) -> None:
        stack = Stack(app, "Alone", env=ENV)
        bucket = MonitoringBucket(stack, "Loop", capture_days=3)
        theirs = s3.Bucket.from_bucket_name(stack, "Data", "data-of-others")
        data = DataFile.in_bucket(theirs, "train.csv", encryption_key=kms.Key(stack, "Theirs", enable_key_rotation=True))
        artifact = ArtifactLocation("models-of-tests", "arn:aws:s3:::models-of-tests", "churn/model.tar.gz", "churn/")
        jobs = Jobs(
            stack, "Jobs", base="churn", source=TrainingSource(str(models / "training"), IMAGE, data, "y", holdout=data),
            champion=Champion(stack, "Champion", artifact=artifact), bucket=bucket, prefix="", compared={}, encryption_key=None,
            log_retention_days=7,
        )  # fmt: skip
        assert jobs.train(spot=True)["EnableManagedSpotTraining"]

    done = synthesize(tmp_path / "out", build)
    for role in ("JobsTrainingPolicy", "JobsComparingPolicy"):
        assert "kms:Decrypt" in json.dumps(statements(done, "Alone", role)), role
