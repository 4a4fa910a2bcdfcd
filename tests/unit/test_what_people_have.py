"""What people write, after public reports (../shared/cases/users): planned, or refused with the place and the way out."""

from __future__ import annotations

import os
import tarfile
import textwrap

import pytest

from greensage.catalog.aliases import called_here
from greensage.core.archive import look, packed
from greensage.errors import GreensageError, SpecError
from greensage.footprint.demand import parameters_mb
from greensage.planner import plan
from greensage.spec import load_specs
from greensage.storage.code import with_code
from tests.conftest import archive_of

XGBOOST = "model: {artifact: model.tar.gz, framework: xgboost}\nregion: {allowed: [eu-west-1]}\n"
TORCH = "model: {{artifact: s3://my-models/m/model.tar.gz, framework: pytorch, version: '2.6.0', size_mb: {size}{more}}}\nsilicon: gpu\nregion: {{allowed: [eu-west-1]}}\n"


def planned(tmp_path, text: str):
    (tmp_path / "model.tar.gz").write_bytes(archive_of())
    (tmp_path / "m.yaml").write_text("name: m\n" + textwrap.dedent(text))
    (model,) = plan(load_specs(tmp_path)).models
    return model


def refused(tmp_path, text: str) -> str:
    with pytest.raises(GreensageError) as error:
        planned(tmp_path, text)
    return str(error.value)


@pytest.mark.parametrize(
    ("size", "named", "said"),
    [
        (14_000, "ml.g5.2xlarge", "14,000 MB of weights and a fifth more is 16.8 GB; ml.g5.2xlarge has 1 x 24 GiB"),
        (30_000, "ml.g5.2xlarge", "36.0 GB; ml.g5.2xlarge has 1 x 24 GiB, too little"),
        (30_000, "ml.g5.12xlarge", "36.0 GB; ml.g5.12xlarge has 4 x 24 GiB: it takes 2 devices"),
    ],
)
def test_gpu_memory_is_summed_and_a_named_type_is_not_refused(tmp_path, size, named, said):
    model = planned(tmp_path, TORCH.format(size=size, more="") + f"hosting: {{kind: real-time, instance_type: {named}}}\n")
    assert any(said in note for note in model.notes) and model.instance_type == named


def test_precision_and_measured_memory_override_the_estimate(tmp_path):
    at = "hosting: {kind: real-time, instance_type: ml.g5.2xlarge}\n"
    halved = planned(tmp_path, TORCH.format(size=30_000, more=", precision: int8") + at)
    assert any("30,000 MB of weights in int8 and a fifth more is 18.0 GB" in note for note in halved.notes)
    measured = planned(tmp_path, TORCH.format(size=30_000, more=", memory_mb: 20000") + at)
    assert any("model.memory_mb is 20.0 GB" in note for note in measured.notes)


def test_a_type_that_holds_the_weights_is_chosen(tmp_path):
    assert planned(tmp_path, TORCH.format(size=14_000, more="") + "hosting: real-time\n").instance_type.split(".")[1] in (
        "g5",
        "g6",
    )
    larger = planned(tmp_path, TORCH.format(size=30_000, more="") + "hosting: real-time\n").instance_type
    assert larger not in ("ml.g5.xlarge", "ml.g6.xlarge", "ml.g5.2xlarge")


def test_a_cpu_type_that_may_be_too_small_is_warned_of(tmp_path):
    text = "model: {artifact: s3://bucket/k.tar.gz, framework: xgboost, size_mb: 5000}\nregion: {allowed: [eu-north-1]}\n"
    model = planned(tmp_path, text + "hosting: {kind: real-time, instance_type: ml.c8g.medium}\n")
    assert any("60,185 MB are needed, an estimate, and ml.c8g.medium has 2 GiB" in note for note in model.notes)


def test_another_metric_is_followed(tmp_path):
    follows = "hosting: {kind: real-time, routing: least-outstanding-requests, scaling: {metric: %s, target: 60}}\n"
    model = planned(tmp_path, XGBOOST + follows % "CPUUtilization")
    assert model.spec.hosting.routing == "least-outstanding"
    assert any("CPUUtilization near 60" in choice.reason for choice in model.choices)
    assert any("publishes no GPUUtilization" in note for note in planned(tmp_path, XGBOOST + follows % "GPUUtilization").notes)
    said = refused(tmp_path, XGBOOST + follows % "CPUUtilisation")
    assert "m.yaml:4:" in said and "try: CPUUtilization?" in said


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("hosting: {kind: real-time, container_startup_health_check_timeout: 900}", "try: hosting.startup_timeout_seconds?"),
        ("hosting: {kind: real-time, ModelDataDownloadTimeoutInSeconds: 900}", "try: hosting.download_timeout_seconds?"),
        ("hosting: {kind: real-time, volume_size_gb: 9}", "try: hosting.volume_gb?"),
        ("hosting: {kind: real-time, startup_timeout_seconds: 30}", "at least 60"),
        ("role_arn: arn:aws:iam::111122223333:role/x", "try: execution_role_arn?"),
        ("execution_role_arn: my-role", "arn:aws:iam::ACCOUNT:role/NAME"),
        ("kms_key_arn: alias/my-key", "arn:aws:kms:REGION:ACCOUNT:key/ID"),
        ("kms_key_arn: arn:aws:kms:us-east-1:111122223333:key/1", "kms_key_arn: is in us-east-1 (aws), and the model in eu-west-1 (aws)"),
        ("kms_key_arn: arn:aws-cn:kms:eu-west-1:111122223333:key/1", "is in eu-west-1 (aws-cn)"),
        ("tags: {'aws:foo': x}", "begins with aws:"),
        ("tags: {a: 'R&D'}", "characters that AWS does not take: 'R&D'"),
        ("tags: {a: " + "x" * 257 + "}", "has 257 characters, more than 256"),
        ("traffic: {requests_per_day: 0200}", "octal number\n    found: 0200\n    allowed: 200 for the decimal number, 128 for the octal"),
        ("sla: {latency_p95_ms: 1:30}", "base of 60"),
    ],
)  # fmt: skip
def test_what_aws_would_refuse_names_the_key(tmp_path, key, said):
    assert said in refused(tmp_path, XGBOOST + key + "\n")


@pytest.mark.parametrize("name", ["greensage-platform-eu-west-1", "cdktoolkit"])
def test_reserved_names_are_refused(tmp_path, name):
    (tmp_path / "m.yaml").write_text(f"name: {name}\nmodel: {{artifact: s3://bucket-x/k.tar.gz, framework: xgboost}}\n")
    with pytest.raises(SpecError, match="the name is taken"):
        load_specs(tmp_path)


def test_a_pipe_or_a_device_is_no_model_file(tmp_path):
    os.mkfifo(tmp_path / "m.yaml")
    with pytest.raises(SpecError, match="no regular file"):
        load_specs(tmp_path)
    (tmp_path / "m.yaml").unlink()
    (tmp_path / "m.yaml").symlink_to("/dev/zero")
    with pytest.raises(SpecError, match="no regular file"):
        load_specs(tmp_path)


IMAGE = (
    "763104351884.dkr.ecr.eu-west-1.amazonaws.com/huggingface-pytorch-tgi-inference:2.6.0-tgi3.3.4-gpu-py311-cu124-ubuntu22.04"
)
LLAMA = (
    "model:\n  image: " + IMAGE + "\n  image_architecture: x86_64\n"
    "  environment: {HF_MODEL_ID: mistralai/Mistral-7B-Instruct-v0.3%s}\n%s"
    "silicon: gpu\nregion: {allowed: [eu-west-1]}\n"
)


def test_an_image_needs_neither_archive_nor_framework(tmp_path):
    model = planned(tmp_path, LLAMA % ("", "") + "hosting: {kind: real-time, instance_type: ml.g5.2xlarge}\n")
    assert any("14,000 MB of weights and a fifth more is 16.8 GB" in note for note in model.notes)
    said = refused(tmp_path, LLAMA % ("", "") + "hosting: multi-model\ngroup: g\n")
    assert "made of the model's archive, and the file names none" in said


@pytest.mark.parametrize(
    "variable", ["HF_TOKEN: hf_secret", "MY_PASSWORD: x1", "OPENAI_API_KEY: sk-abcdefgh", "FOO: ghp_abcdefghij"]
)
def test_a_secret_in_the_environment_is_refused_with_the_way_to_give_it(tmp_path, variable):
    said = refused(tmp_path, LLAMA % (f", {variable}", "") + "hosting: real-time\n")
    assert "looks like a secret" in said and "ARN of Secrets Manager" in said and "m.yaml:5:" in said


@pytest.mark.parametrize(
    "variable", ["PAD_TOKEN: '<pad>'", "TOKENIZERS_PARALLELISM: 'false'", "MAX_TOTAL_TOKENS: '4096'", "HF_TOKEN: ''"]
)
def test_what_is_no_secret_passes(tmp_path, variable):
    assert planned(tmp_path, LLAMA % (f", {variable}", "") + "hosting: real-time\n")


def test_a_secret_by_reference_is_said_and_checked(tmp_path):
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hf-AbCdEf"
    model = planned(tmp_path, LLAMA % ("", f"  secrets: {{HF_TOKEN: '{arn}'}}\n") + "hosting: real-time\n")
    assert any("HF_TOKEN_SECRET_ARN" in note for note in model.notes)
    assert "no ARN of Secrets Manager" in refused(
        tmp_path, LLAMA % ("", "  secrets: {HF_TOKEN: hf_x}\n") + "hosting: real-time\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: {framework: xgboost}", "artifact is missing"),
        ("model: {artifact: model.tar.gz}", "framework is missing"),
        ("model: {}", "artifact and framework are missing"),
    ],
)
def test_without_an_image_both_are_needed(tmp_path, text, said):
    assert said in refused(tmp_path, text + "\n")


SKLEARN = "model: {artifact: model.tar.gz, framework: sklearn, code: ./code}\nregion: {allowed: [eu-west-1]}\n"


def test_a_pytorch_archive_without_code_says_what_is_missing(tmp_path):
    (tmp_path / "m.tar.gz").write_bytes(packed({"model.pth": b"x"}))
    (tmp_path / "m.yaml").write_text("name: m\nmodel: {artifact: m.tar.gz, framework: pytorch, version: '2.6.0'}\n")
    with pytest.raises(SpecError, match=r"needs code/inference.py with model_fn[\s\S]*found: model.pth[\s\S]*try: model.code"):
        load_specs(tmp_path)
    (tmp_path / "m.tar.gz").write_bytes(packed({"model.pth": b"x", "./code/inference.py": b""}))
    assert load_specs(tmp_path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "there is no such folder"),
        (lambda folder: (folder / "code").mkdir(), "there is no inference.py in it"),
    ],
)
def test_code_that_is_not_there_is_said(tmp_path, make, said):
    make(tmp_path)
    assert said in refused(tmp_path, SKLEARN)


def spec_of(folder, text):
    (folder / "m.yaml").write_text(f"name: m\n{text}\n")
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code/serve.py").write_text("")
    (folder / "code/inference.py").write_text("")
    return load_specs(folder)[0][0]


def test_code_beside_an_archive_in_s3_is_packed_when_it_is_deployed(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(packed({"model.skops": b"x"}))
    model = spec_of(tmp_path, SKLEARN.replace("model.tar.gz", "s3://my-models/m/model.tar.gz")).model
    assert model.code == str(tmp_path / "code") and model.allow_code
    said = refused(tmp_path, SKLEARN.replace("model.tar.gz", "s3://my-models/m/"))
    assert "packed into an archive, model.tar.gz" in said and "below code/" in said


def test_another_tools_words_for_code_are_taken(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(packed({"model.pth": b"x"}))
    text = "model: {artifact: model.tar.gz, framework: pytorch, version: '2.6.0', entry_point: serve.py, source_dir: ./code}"
    model = spec_of(tmp_path, text).model
    assert model.code == str(tmp_path / "code") and model.variables == {"SAGEMAKER_PROGRAM": "serve.py"}
    assert "names a file of model.code" in refused(tmp_path, text.replace(", source_dir: ./code", ""))
    assert "there is no other.py in it" in refused(tmp_path, text.replace("serve.py", "other.py"))


HUB = "model: {id: distilbert/distilbert-base-uncased-finetuned-sst-2-english}"


def test_an_id_of_the_hub_is_all_that_is_needed(tmp_path):
    model = spec_of(tmp_path, HUB).model
    assert (model.framework, model.image_family) == ("huggingface", "huggingface")
    assert model.variables == {"HF_MODEL_ID": "distilbert/distilbert-base-uncased-finetuned-sst-2-english"}
    model = spec_of(tmp_path, HUB.replace("}", ", task: text-classification}")).model
    assert model.variables["HF_TASK"] == "text-classification"
    model = spec_of(tmp_path, "model: {id: mistralai/Mistral-7B-v0.3, task: text-generation}").model
    assert model.image_family == "huggingface-llm" and model.variables == {"HF_MODEL_ID": "mistralai/Mistral-7B-v0.3"}
    assert parameters_mb(model) == 14_000
    text = "model: {artifact: 's3://my-models/m/', framework: huggingface, task: text-generation}"
    assert spec_of(tmp_path, text).model.variables == {"HF_MODEL_ID": "/opt/ml/model"}


PACKAGE = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/fraud/7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model: {id: a/b, artifact: model.tar.gz}", "id is of the Hugging Face hub, and cannot stand beside artifact"),
        ("model: {id: a/b, framework: sklearn}", "cannot stand beside framework: sklearn"),
        ("model: {id: a b}", "the value is not allowed"),
        ("model: {artifact: model.tar.gz, framework: sklearn, task: text-generation}", "task is for framework: huggingface"),
        (f"model: {{package: '{PACKAGE}', artifact: model.tar.gz}}", "artifact cannot stand beside package"),
        (f"model: {{package: '{PACKAGE}', framework: xgboost, image: prebuilt}}", "framework, image cannot stand beside package"),
        ("model: {package: fraud/7}", "the value is not allowed"),
        (
            "model: {artifact: model.tar.gz, framework: sklearn, accept_eula: true}",
            "accept_eula is for an archive or prefix in S3",
        ),
        ("model: {artifact: model.tar.gz, framework: sklearn, registry_credentials: arn:aws:iam::1:role/x}", "not allowed"),
    ],
)
def test_what_cannot_stand_together_is_said(tmp_path, text, said):
    assert said in refused(tmp_path, text + "\n")


def test_a_models_own_code_is_named_as_other_tools_do():
    for key, here in (("model_id", "model.id"), ("ModelPackageName", "model.package"), ("hf_task", "model.task")):
        assert called_here(key) == here


def test_code_is_packed_as_containers_look_for_it_and_the_same_each_time(tmp_path):
    (tmp_path / "code/net/__pycache__").mkdir(parents=True)
    for name in ("inference.py", "net/layers.py", "net/__pycache__/layers.pyc", "requirements.txt"):
        (tmp_path / "code" / name).write_text("x = 1\n")
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(packed({"model.pth": b"weights", "code/inference.py": b"old"}))
    made = with_code(archive, tmp_path / "code", tmp_path / "cache")
    assert set(look(made).members) == {"model.pth", "code/inference.py", "code/net/layers.py", "code/requirements.txt"}
    first = made.read_bytes()
    made.unlink()
    assert with_code(archive, tmp_path / "code", tmp_path / "cache").read_bytes() == first
    (tmp_path / "code/inference.py").write_text("x = 2\n")
    assert with_code(archive, tmp_path / "code", tmp_path / "cache") != made
    with tarfile.open(made) as found:
        assert found.extractfile("code/inference.py").read() == b"x = 1\n"  # type: ignore[union-attr]


VPC = "vpc: {subnets: [subnet-0a1, subnet-0b2], security_groups: [sg-0c3]}\n"
PRIVATE = """\
model:
  artifact: s3://my-models/fraud/model.tar.gz
  framework: xgboost
  image: registry.corp.example.com:5000/ml/fraud:1.2
  image_architecture: x86_64
region: {allowed: [eu-west-1]}
"""


def test_an_image_of_a_private_registry_is_pulled_through_the_vpc(tmp_path):
    model = planned(tmp_path, PRIVATE + VPC)
    assert (model.kind, model.image.origin) == ("asynchronous", "registry")
    assert "pulled through a VPC, and the file names none" in refused(tmp_path, PRIVATE)
    for kind in ("batch", "multi-model\ngroup: g", "inference-components\ngroup: g"):
        said = refused(tmp_path, PRIVATE + VPC + f"hosting: {kind}\n")
        assert "AWS pulls images of a private registry for endpoints on instances" in said, kind
    assert "neither a choice nor the URI of an image" in refused(tmp_path, PRIVATE.replace("registry.corp.example.com:5000/", ""))
    other = "  registry_credentials: arn:aws:lambda:us-east-1:111111111111:function:who\n"
    text = PRIVATE.replace("region:", other + "region:") + VPC
    assert "model.registry_credentials: is in us-east-1" in refused(tmp_path, text)


def test_a_package_is_planned_and_says_whose_it_is(tmp_path):
    text = f"model: {{package: '{PACKAGE}'}}\nregion: {{allowed: [eu-west-1]}}\n"
    model = planned(tmp_path, text)
    assert (model.image.origin, model.image.architecture) == ("package", "x86_64")
    assert any("account 111122223333" in note and "sagemaker:DescribeModelPackage" in note for note in model.notes)
    arm = planned(tmp_path, text.replace("'}", "', image_architecture: arm64}") + "hosting: real-time\n")
    assert (arm.image.architecture, arm.silicon_label) == ("arm64", "Graviton")
    assert "an endpoint of its own or a batch transform" in refused(tmp_path, text + "hosting: multi-model\ngroup: g\n")
    assert "is in eu-west-1" in refused(tmp_path, text.replace("[eu-west-1]", "[eu-north-1]"))


@pytest.mark.parametrize("model", ["framework: sklearn, dataframe: true", "framework: catboost"])
def test_a_server_of_many_models_has_neither_pandas_nor_catboost(tmp_path, model):
    text = f"model: {{artifact: model.tar.gz, {model}}}\ngroup: g\nregion: {{allowed: [eu-west-1]}}\n"
    assert "has neither pandas nor CatBoost" in refused(tmp_path, text + "hosting: multi-model\n")


def test_a_package_beside_the_main_model_is_refused(tmp_path):
    text = f"{XGBOOST}hosting: real-time\nsilicon: x86\nvariants: [{{name: new, weight: 1, model: {{package: '{PACKAGE}'}}}}]\n"
    assert "a package is the main model of an endpoint" in refused(tmp_path, text)


def test_a_table_with_words_is_watched_and_only_pipelines_take_one(tmp_path):
    (tmp_path / "b.json").write_text("{}")
    text = "model: {artifact: model.tar.gz, framework: sklearn, dataframe: true}\nregion: {allowed: [eu-west-1]}\n"
    assert planned(tmp_path, text + "hosting: real-time\ndrift: {baseline: b.json}\n").monitoring is not None
    assert "dataframe is for scikit-learn pipelines" in refused(tmp_path, text.replace("sklearn", "xgboost"))


def test_images_of_hugging_face_are_aws_own_by_the_version_of_transformers(tmp_path):
    text = HUB.replace("}", ", version: '4.51.3'}") + "\nregion: {allowed: [eu-west-1]}\n"
    model = planned(tmp_path, text + "hosting: real-time\n")
    assert str(model.image.uri).endswith("huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312-ubuntu22.04")
    gpu = planned(tmp_path, text + "hosting: real-time\nsilicon: gpu\n")
    assert "transformers4.51.3-gpu-" in str(gpu.image.uri)
    said = refused(tmp_path, text.replace("4.51.3", "4.0.0"))
    assert "in this version" in said and "4.51.3" in said
    written = "model: {id: mistralai/Mistral-7B-Instruct-v0.3, task: text-generation}\nregion: {allowed: [eu-west-1]}\n"
    model = planned(tmp_path, written)
    assert model.image.processor == "gpu" and "huggingface-pytorch-tgi-inference" in str(model.image.uri)
    assert any("each new instance fetches mistralai/Mistral-7B-Instruct-v0.3" in note for note in model.notes)
    neuron = text.replace("4.51.3", "4.51.3', compiled_for: inf2, size_mb: 500, precision: 'bf16")
    assert "neuronx" in str(planned(tmp_path, neuron.replace("eu-west-1", "us-east-1") + "hosting: real-time\n").image.uri)
    assert "network isolation lets nothing out" in refused(tmp_path, text + "hosting: real-time\nnetwork_isolation: true\n")
