"""The tools on a build's path: docker, aws and pip do what they are asked for; the system's packages are not installed.

`python -m greensage.local.builds.tool NAME ARGUMENT...`; paths that begin with / are the image's while a Dockerfile runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .check import NotStarted, answers_ping
from .dockerfile import ROOT, Asked, BuildError, Stage, build
from .run import PLACE, manifest_of


def main(name: str, arguments: list[str]) -> int:
    """Do what `name` does; the exit code is the tool's."""
    tools = {
        "docker": _docker, "aws": _aws, "pip": _pip, "pip3": _pip, "python": _python, "python3": _python, "apt-get": _packages,
        "dpkg": _packages, "dpkg-deb": _packages, "rm": _rm, "mkdir": _mkdir, "cat": _cat, "ls": _ls, "uname": _uname,
    }  # fmt: skip
    try:
        return tools[name](arguments)
    except BuildError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1


def _docker(arguments: list[str]) -> int:
    if arguments[:1] == ["login"]:
        return _login(arguments[1:])
    if arguments[:2] == ["buildx", "build"] or arguments[:1] == ["build"]:
        return _build(arguments[2 if arguments[0] == "buildx" else 1 :])
    if arguments[:1] == ["push"]:
        return _push(arguments[1])
    raise BuildError(f"the local cloud's docker knows login, build and push, not {' '.join(arguments[:2])}")


def _login(arguments: list[str]) -> int:
    if not sys.stdin.read().strip():
        raise BuildError("password is empty")
    (_place() / "registry").write_text(arguments[-1])
    print("Login Succeeded")
    return 0


def _build(arguments: list[str]) -> int:
    values: dict[str, str] = {"platform": "linux/amd64", "target": "", "tag": "", "file": "Dockerfile", "output": ""}
    given: dict[str, str] = {}
    context, rest = "", list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            context = word
            continue
        name, equals, value = word.lstrip("-").partition("=")
        name = {"t": "tag", "f": "file"}.get(name, name)
        value = value if equals else (rest.pop(0) if rest else "")
        if name == "build-arg":
            key, _, text = value.partition("=")
            given[key] = text
        elif name in ("provenance", "sbom") or name in values:
            values[name] = value
        else:
            raise BuildError(f"unknown flag: --{name}")
    if values.get("provenance") != "false" or values.get("sbom") != "false":
        raise BuildError("with attestations the image is an OCI index, which SageMaker refuses: --provenance=false --sbom=false")
    folder = Path(context).resolve()
    asked = Asked(folder, folder / values["file"], values["platform"], values["target"], given)
    place = _place() / "images" / hashlib.sha256(values["tag"].encode()).hexdigest()[:12]
    place.mkdir(parents=True)
    stage = build(asked, place, _in_ecr, print)
    _started(stage)
    described = {"tag": values["tag"], "platform": values["platform"], "labels": stage.labels, "content": _digest(stage)}
    (place / "image.json").write_text(json.dumps(described))
    return 0


def _in_ecr(image: str) -> bool:
    """Whether an image of the account's ECR is there, and may be read by whoever builds."""
    from botocore.exceptions import ClientError

    name = image.partition("/")[2]
    repository, _, digest = name.partition("@")
    repository, _, tag = repository.partition(":")
    wanted = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
    try:
        return bool(_client("ecr").batch_get_image(repositoryName=repository, imageIds=[wanted])["images"])
    except ClientError as error:
        print(f"{image}: {error}", file=sys.stderr)
        return False


def _started(stage: Stage) -> None:
    """Start what was built, with the local Python, and ask /ping: what SageMaker would do first."""
    if not stage.entrypoint:
        raise BuildError("the image has no ENTRYPOINT, so SageMaker could not start it")
    if stage.name == "optimize":
        print("the image is for a job: not started")
        return
    try:
        print(f"started as SageMaker starts it: GET /ping answers after {answers_ping(stage):.1f} s")
    except NotStarted as error:
        print(f"NOT STARTED: {error}")


def _digest(stage: Stage) -> str:
    """Of what the image holds; where it was built does not matter."""
    found = hashlib.sha256(json.dumps([stage.labels, stage.entrypoint, stage.command, stage.platform]).encode())
    for path in sorted(stage.root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(str(path.relative_to(stage.root)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _push(reference: str) -> int:
    registry = _place() / "registry"
    host, _, name = reference.partition("/")
    if not registry.is_file() or registry.read_text() != host:
        raise BuildError(f"no basic auth credentials for {host}")
    built = _place() / "images" / hashlib.sha256(reference.encode()).hexdigest()[:12] / "image.json"
    if not built.is_file():
        raise BuildError(f"An image does not exist locally with the tag: {reference}")
    repository, _, tag = name.partition(":")
    digest = json.loads(built.read_text())["content"]
    manifest = manifest_of(tag, digest)
    _client("ecr").put_image(
        repositoryName=repository, imageManifest=manifest, imageTag=tag, imageManifestMediaType=json.loads(manifest)["mediaType"]
    )
    print(f"{tag}: digest: sha256:{hashlib.sha256(manifest.encode()).hexdigest()}")
    return 0


def _aws(arguments: list[str]) -> int:
    if arguments[:2] == ["ecr", "get-login-password"]:
        _client("ecr").get_authorization_token()
        print("a-password-for-twelve-hours")
        return 0
    if arguments[:2] == ["ecr", "batch-get-image"]:
        import jmespath

        found = _client("ecr").batch_get_image(**_image_asked(arguments))
        shown = jmespath.search(arguments[arguments.index("--query") + 1] if "--query" in arguments else "@", found)
        print(shown if isinstance(shown, str) else json.dumps(shown, default=str))
        return 0
    if arguments[:2] == ["ecr", "batch-delete-image"]:
        _client("ecr").batch_delete_image(**_image_asked(arguments))
        return 0
    known = "ecr get-login-password, batch-get-image and batch-delete-image"
    raise BuildError(f"the local cloud's aws knows {known}, not {' '.join(arguments[:2])}")


def _image_asked(arguments: list[str]) -> dict[str, Any]:
    given = dict(zip(arguments[2::2], arguments[3::2], strict=False))
    key, _, value = given["--image-ids"].partition("=")
    return {"repositoryName": given["--repository-name"], "imageIds": [{key: value}]}


def _client(service: Any) -> Any:
    import boto3

    return boto3.client(service)


def _pip(arguments: list[str]) -> int:
    """The pip of this Python, with the image's paths; a cache spares the index what was fetched before."""
    words = [_inside(word) for word in arguments if word != "--no-cache-dir"]
    if "--python-version" in words:
        # pip asks whether the Python that runs it is good enough for a package, not the one that the package is for.
        words.append("--ignore-requires-python")
    return subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words], check=False).returncode


def _python(arguments: list[str]) -> int:
    return subprocess.run([sys.executable, *arguments], check=False).returncode


def _packages(arguments: list[str]) -> int:
    print(f"not done here, where the system's packages are the computer's own: {' '.join(arguments)}")
    return 0


def _rm(arguments: list[str]) -> int:
    for word in arguments:
        if not word.startswith("-"):
            for path in [Path(_inside(word))] if "*" not in word else Path(_inside(word)).parent.glob(Path(word).name):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return 0


def _mkdir(arguments: list[str]) -> int:
    for word in arguments:
        if not word.startswith("-"):
            Path(_inside(word)).mkdir(parents=True, exist_ok=True)
    return 0


def _cat(arguments: list[str]) -> int:
    for word in arguments:
        sys.stdout.write(Path(_inside(word)).read_text())
    return 0


def _ls(arguments: list[str]) -> int:
    print("\n".join(sorted(path.name for path in Path(_inside(next(iter(arguments), "."))).iterdir())))
    return 0


def _uname(arguments: list[str]) -> int:
    print("x86_64" if arguments else "Linux")
    return 0


def _inside(word: str) -> str:
    """A path of the image, where it lies here; what goes by a relative path is in the working directory already."""
    root = os.environ.get(ROOT)
    if not root or not word.startswith("/"):
        return word
    found = Path(root) / os.path.normpath(word).lstrip("/")
    if not found.resolve().is_relative_to(Path(root).resolve()):
        raise BuildError(f"{word} leaves the image")
    return str(found)


def _place() -> Path:
    return Path(os.environ[PLACE])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
