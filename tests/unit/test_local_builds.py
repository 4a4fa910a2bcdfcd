"""What the local cloud's builds refuse, as Docker and CodeBuild refuse it; nothing here installs anything."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from greensage.local.builds import tool
from greensage.local.builds.dockerfile import Asked, BuildError, build
from greensage.local.builds.run import PLACE, Source, run

BASE = f"public.ecr.aws/docker/library/python:3.13.14-slim-bookworm@sha256:{'a' * 64}"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Build a Dockerfile beside two files; only the local cloud's tools are on the path."""
    context = tmp_path / "context"
    (context / "server").mkdir(parents=True)
    (context / "server/app.py").write_text("print('served')\n")
    (context / "requirements.txt").write_text("")
    monkeypatch.setenv(PLACE, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    def made(text: str, *, platform: str = "linux/amd64", target: str = "", images: tuple[str, ...] = (), **arguments: str):
        (context / "Dockerfile").write_text(text)
        place = tmp_path / f"place-{len(list(tmp_path.iterdir()))}"
        place.mkdir()
        said: list[str] = []
        asked = Asked(context, context / "Dockerfile", platform, target, arguments)
        return build(asked, place, lambda image: image in images, said.append), said

    return made


def test_stages_arguments_and_variables_are_carried_out(make):
    stage, _ = make(
        f"""
        ARG BASE={BASE}
        ARG ENGINE=all
        FROM --platform=${{BUILDPLATFORM}} ${{BASE}} AS packages
        ARG ENGINE
        ARG TARGETARCH
        WORKDIR /build
        COPY requirements.txt needed-${{ENGINE}}.txt
        FROM ${{BASE}} AS serving
        ARG ENGINE
        ENV ENGINE_OF=${{ENGINE}} EMPTY= SPACED="two words"
        LABEL of.${{ENGINE}}=yes
        WORKDIR /opt/program
        COPY --from=packages /build/ /found/
        COPY server server
        ENTRYPOINT ["python", "-m", "server"]
        CMD ["serve"]
        """,
        platform="linux/arm64", ENGINE="onnx",
    )  # fmt: skip
    assert (stage.root / "found/needed-onnx.txt").is_file() and (stage.root / "opt/program/server/app.py").is_file()
    assert stage.variables == {"ENGINE_OF": "onnx", "EMPTY": "", "SPACED": "two words"}
    assert (stage.entrypoint, stage.command, stage.platform) == (["python", "-m", "server"], ["serve"], "linux/arm64")


def test_a_stage_sees_only_the_arguments_that_it_declares(make):
    # Docker's own example of scopes: the global value in FROM only, a stage's default before it, none without a declaration.
    stage, _ = make(
        f"""
        ARG KIND=global
        FROM {BASE} AS one
        ENV NONE=${{KIND:-none}} PLATFORM=${{TARGETARCH:-unset}}
        ARG KIND=own
        ARG TARGETARCH
        ENV OWN=$KIND MACHINE=$TARGETARCH
        FROM one AS two
        ENV INHERITED=$KIND
        """
    )
    assert stage.variables == {"NONE": "none", "PLATFORM": "unset", "OWN": "own", "MACHINE": "amd64", "INHERITED": "own"}


def test_a_target_ends_the_build_where_it_is(make):
    stage, said = make(f"FROM {BASE} AS one\nWORKDIR /a\nFROM one AS two\nCOPY nothing /\n", target="one")
    assert stage.name == "one" and not [line for line in said if "nothing" in line]
    with pytest.raises(BuildError, match='target stage "three" could not be found'):
        make(f"FROM {BASE} AS one\n", target="three")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("FROM docker.io/library/python:3.13\n", "failed to resolve source metadata for docker.io/library/python:3.13"),
        ("FROM public.ecr.aws/docker/library/python:3.13-slim\n", "by digest"),
        ("FROM 111111111111.dkr.ecr.eu-west-1.amazonaws.com/mine:1\n", "the account's ECR"),
        (f"FROM {BASE}\nCOPY gone.txt /\n", '"/gone.txt": not found'),
        (f"FROM {BASE}\nCOPY ../../etc/passwd /\n", "not found"),
        (f"FROM {BASE}\nCOPY --from=other /a /b\n", "no such stage"),
        (f"FROM {BASE}\nINSTALL me\n", "unknown instruction: INSTALL"),
        (f"FROM {BASE}\nADD https://example.org/a /\n", "does not carry out ADD"),
        (f"FROM {BASE}\nRUN exit 3\n", "exit code: 3"),
        (f"FROM {BASE}\nRUN curl example.org\n", "exit code: 127"),
        ("WORKDIR /a\n", "no build stage"),
    ],
)
def test_what_docker_would_not_build_is_not_built(make, text, why):
    with pytest.raises(BuildError, match=why.replace("(", r"\(")):
        make(text)


def test_an_image_of_the_accounts_own_ecr_is_a_base(make):
    mine = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/mine:1"
    assert make(f"FROM {mine}\n", images=(mine,))[0].platform == "linux/amd64"


def test_nothing_runs_for_another_machine(make):
    with pytest.raises(BuildError, match=r"exec format error \(linux/arm64\)"):
        make(f"FROM {BASE}\nRUN echo hello\n", platform="linux/arm64")
    # What runs on the builder's own machine does, and its tools know no path outside of the image.
    stage, _ = make(f"FROM --platform=$BUILDPLATFORM {BASE}\nRUN echo hello > said\n", platform="linux/arm64")
    assert (stage.root / "said").read_text() == "hello\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["buildx", "build", "--tag", "a/b:c", "."], "OCI index, which SageMaker refuses"),
        (["buildx", "build", "--pull", "always", "."], "unknown flag: --pull"),
        (["compose", "up"], "knows login, build and push"),
        (["push", "host/a:b"], "no basic auth credentials for host"),
    ],
)
def test_docker_is_asked_as_sagemaker_needs_it(make, arguments, why, capsys):
    assert tool.main("docker", arguments) == 1
    assert why in capsys.readouterr().err


def source(spec: object, **files: str) -> Source:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return Source(content.getvalue(), spec if isinstance(spec, str) else json.dumps(spec), {"WORD": "hello"}, {}, 60)


def test_phases_run_in_order_until_one_fails():
    said: list[str] = []
    spec = {"version": "0.2", "phases": {"build": {"commands": ["echo $WORD", "exit 4", "echo never"]},
                                         "pre_build": {"commands": ["echo first"]}, "post_build": {"commands": ["echo last"]}}}  # fmt: skip
    found = run(source(spec), said.append)
    assert [(row.phase, row.status) for row in found][-2:] == [("PRE_BUILD", "SUCCEEDED"), ("BUILD", "FAILED")]
    assert found[-1].message.endswith("exit status 4") and "COMMAND_EXECUTION_ERROR" in found[-1].message
    assert [line for line in said if "Running" not in line] == ["first", "hello"]


@pytest.mark.parametrize("spec", ["version: 0.1", "phases: [", {"version": "0.2", "phases": {"deploy": {"commands": []}}}, "[]"])
def test_a_buildspec_that_codebuild_would_not_read_fails_before_anything_runs(spec):
    (found,) = run(source(spec), print)
    assert (found.phase, found.status) == ("DOWNLOAD_SOURCE", "FAILED") and found.message.startswith("YAML_FILE_ERROR")


def test_commands_have_nothing_of_the_computer_on_their_path():
    spec = {"version": "0.2", "phases": {"build": {"commands": ["git --version"]}}}
    assert run(source(spec), print)[-1].status == "FAILED"
