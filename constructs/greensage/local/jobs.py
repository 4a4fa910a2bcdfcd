"""Training and processing jobs as processes: SageMaker's folders on a private root, its limits, its words.

The image cannot be run; what it would run (its entrypoint, `python -m ...`) runs in the local cloud's own Python, which
has the packages of the serving image. Spot capacity and interruptions come from `faults`.
"""

from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..core.folders import serving_folder
from . import faults
from . import ministack_api as cloud
from . import ministack_services as services
from .containers import base_environment
from .hosted import log_writer
from .images import find_image
from .job_kinds import ENDED
from .rules import check_image_access, check_role
from .wire import AwsError, validation_error

_POLL_SECONDS = 0.02
_ML = "/opt/ml"


class Interrupted(Exception):
    """The Spot instance was taken away."""


class JobRun:
    """One job from its start to its end; `row` is what DescribeXJob shows and is kept up to date."""

    def __init__(self, row: dict[str, Any], kind: str) -> None:
        self.row, self.kind, self.name = row, kind, row[f"{kind}JobName"]
        self.root = Path(tempfile.mkdtemp(prefix="job-"))
        self.role: str = row["RoleArn"]
        self._account, self._region = cloud.account(), cloud.region()
        group = f"/aws/sagemaker/{kind}Jobs"
        self._log = log_writer(self._account, self._region, group, f"{self.name}/algo-1", self.role)

    def begin(self, work: Callable[[JobRun], None]) -> None:
        """Run `work` in the background; whatever it raises is why the job failed."""

        def run() -> None:
            with cloud.scope(self._account, self._region):
                try:
                    work(self)
                    self.end("Stopped" if self.row.get("_stop") else "Completed")
                except AwsError as error:
                    self.end("Failed", f"{'' if ':' in error.message[:20] else 'ClientError: '}{error.message}")
                except Exception as error:
                    self.end("Failed", f"InternalServerError: {type(error).__name__}: {error}")
                finally:
                    shutil.rmtree(self.root, ignore_errors=True)

        threading.Thread(target=run, daemon=True, name=f"job-{self.name}").start()

    def end(self, status: str, reason: str = "") -> None:
        """Write down how it ended."""
        if self.row[f"{self.kind}JobStatus"] in ENDED:
            return
        self.row[f"{self.kind}EndTime"] = time.time()
        if reason:
            # botocore 1.43.106, FailureReason.
            self.row["FailureReason"] = reason[:1_024]
        if self.kind == "Training":
            self.row["SecondaryStatus"] = self.row.pop("_secondary", None) or status
        # Last, because those who wait for the end look at the status.
        self.row[f"{self.kind}JobStatus"] = status

    def path(self, inside: str) -> Path:
        """Return where a folder of the container lies."""
        return self.root / inside.removeprefix(f"{_ML}/").lstrip("/")

    def fetch(self, source: Mapping[str, Any], folder: Path) -> None:
        """Download what a channel or an input names, as the job's role; nothing there is an error, as with AWS."""
        folder.mkdir(parents=True, exist_ok=True)
        bucket, _, prefix = source["S3Uri"].removeprefix("s3://").partition("/")
        if source.get("S3DataType") == "ManifestFile":
            self._fetch_listed(bucket, prefix, folder)
            return
        self._allow("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
        keys = [key for key in cloud.s3_keys(bucket, prefix) or [] if not key.endswith("/")]
        if not keys:
            raise AwsError(
                "ValidationException", f"ClientError: Data download failed: No S3 objects found under {source['S3Uri']}"
            )
        for key in keys:
            self._fetch_one(bucket, key, folder / (key[len(prefix) :].lstrip("/") or key.rsplit("/", 1)[-1]))

    def _fetch_listed(self, bucket: str, key: str, folder: Path) -> None:
        manifest = json.loads(self._object(bucket, key))
        target, _, prefix = manifest[0]["prefix"].removeprefix("s3://").partition("/")
        for name in manifest[1:]:
            self._fetch_one(target, f"{prefix}{name}", folder / name)

    def _fetch_one(self, bucket: str, key: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._object(bucket, key))

    def _object(self, bucket: str, key: str) -> bytes:
        self._allow("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
        return cloud.s3_object(bucket, key) or b""

    def upload(self, uri: str, name: str, content: bytes) -> None:
        """Write one object below `uri`, as the job's role."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        key = f"{prefix.rstrip('/')}/{name}".lstrip("/")
        self._allow("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        services.put_object(bucket, key, content, "application/octet-stream")

    def upload_folder(self, uri: str, folder: Path) -> None:
        """Write every file of a folder."""
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_file():
                self.upload(uri, str(path.relative_to(folder)), path.read_bytes())

    def execute(self, command: list[str], environment: Mapping[str, str], seconds: float) -> None:
        """Run the container's command; AwsError when it fails, Interrupted when Spot takes the machine."""
        if faults.take(f"{self.kind.lower()}-failure", self.name):
            raise AwsError("AlgorithmError", "AlgorithmError: a fault that was asked for, exit code: 1")
        python = [sys.executable if part in ("python", "python3") else part for part in command]
        variables = {
            **base_environment(),
            **{key: value.replace(_ML, str(self.root)) for key, value in environment.items()},
            "GREENSAGE_ML_ROOT": str(self.root), "TRAINING_JOB_NAME": self.name,
        }  # fmt: skip
        process = subprocess.Popen(
            python, cwd=serving_folder(), env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        taken = self._watch(process, time.monotonic() + seconds)
        reader.join(timeout=5)
        if taken:
            raise Interrupted
        if self.row.get("_stop"):
            return
        if process.returncode:
            raise AwsError("AlgorithmError", f"AlgorithmError: {self._last_words()}, exit code: {process.returncode}")

    def _watch(self, process: subprocess.Popen[str], deadline: float) -> bool:
        """Wait for the end; return whether Spot took the machine."""
        # Asked once: each call uses up one of the faults that were ordered.
        interrupted = self.row.get("EnableManagedSpotTraining") and faults.take("spot-interruption", self.name)
        begun = time.monotonic()
        while process.poll() is None:
            if self.row.get("_stop") or time.monotonic() > deadline:
                process.terminate()
                if not self.row.get("_stop"):
                    self.row["_stop"], self.row["_secondary"] = True, "MaxRuntimeExceeded"
            if interrupted and self._has_checkpoint(begun):
                process.terminate()
                process.wait()
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _has_checkpoint(self, begun: float) -> bool:
        """The machine is taken once there is a checkpoint to go on from, or after two seconds."""
        folder = self.path("checkpoints")
        return time.monotonic() - begun > 2 or (folder.is_dir() and any(folder.iterdir()))

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._log(line.rstrip())

    def _last_words(self) -> str:
        # SageMaker's contract: a container writes why it failed there.
        place = self.path("output/failure")
        return place.read_text(encoding="utf-8", errors="replace") if place.is_file() else "the container failed without a word"

    def _allow(self, action: str, resource: str, context: Mapping[str, str] | None = None) -> None:
        if not cloud.role_allows(self.role, action, resource, context):
            message = f"ClientError: the role {self.role} is not authorized to perform: {action} on resource: {resource}"
            raise AwsError("AccessDeniedException", message)


def check_job(role: str, image: str) -> None:
    """Refuse a job whose role cannot be assumed or whose image cannot be pulled; jobs have no Graviton."""
    check_role(role)
    found = find_image(image)
    check_image_access(role, found)
    if found.architecture != "x86_64":
        raise validation_error(f"exec format error: {image} is {found.architecture}, training and processing are x86_64.")


def archive(folder: Path) -> bytes:
    """Return the files of a folder as a gzipped tar."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as content:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                content.add(path, arcname=str(path.relative_to(folder)))
    return made.getvalue()


def seconds_since(begin: float) -> int:
    """Return whole seconds since `begin`, at least one."""
    return max(1, math.ceil(time.time() - begin))
