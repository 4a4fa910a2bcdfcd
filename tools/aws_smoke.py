"""Twenty minutes on a real account, under 2 USD: deploys one model of each kind, calls, updates, rolls back, lets one drift,
destroys, and writes down what differed from the local cloud. `tools/aws_smoke.md` says how; `--local` is what CI runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "constructs"), str(ROOT / "tools")]
KINDS = ("churn", "digits", "iris", "wine", "diabetes", "linnerud", "forest", "pixels", "glucose", "claims", "scans")
EXPECTED = ROOT / "tools/smoke/local.json"
REGION = "eu-north-1"
TOLERANCE = 1e-5
Facts = dict[str, Any]


def main() -> int:
    """Run every step; 0 when each went as on the local cloud."""
    options = _options()
    if options.local:
        return _on_the_local_cloud(options)
    if not options.yes:
        print(
            f"This deploys {', '.join(options.only)} to your account in {REGION}, about 20 minutes and under 2 USD. Go on: --yes"
        )
        return 2
    return Smoke(options).run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--local", action="store_true", help="against a local cloud of its own, with authorization")
    parser.add_argument("--yes", action="store_true", help="spend the money")
    parser.add_argument("--only", nargs="+", default=list(KINDS), metavar="MODEL", help="fewer models; groups need all members")
    parser.add_argument("--keep", action="store_true", help="destroy nothing at the end")
    parser.add_argument("--report", type=Path, default=Path("aws-smoke.json"), help="default: aws-smoke.json")
    parser.add_argument("--expect", action="store_true", help="with --local: keep what was found as what is expected of AWS")
    return parser.parse_args()


def _on_the_local_cloud(options: argparse.Namespace) -> int:
    from greensage.local.cloud import ACCOUNT, LocalCloud

    with tempfile.TemporaryDirectory() as place:
        cloud = LocalCloud(Path(place))
        cloud.up(auth=True, say=print)
        os.environ.update({**cloud.environment(REGION), "CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION})
        try:
            return Smoke(options).run()
        finally:
            cloud.down()


class Smoke:
    """The steps, with what each found and how long it took."""

    def __init__(self, options: argparse.Namespace) -> None:
        import boto3

        self.options = options
        self.models = Path(tempfile.mkdtemp(prefix="smoke-")) / "models"
        self.session = boto3.Session(region_name=REGION)
        self.steps: list[Facts] = []
        self.begun = time.time()

    def run(self) -> int:
        """Run the steps; destroy what they deployed whatever happens, and write the report."""
        self._prepare()
        there = self._stacks()
        if there:
            # Whoever has them deployed their own: they would be updated, broken on purpose and destroyed.
            print(f"stacks of these names are in this account in {REGION} already: {', '.join(there)}. Nothing was done")
            return 2
        if self._step("preflight", self._preflight) and self._step("bootstrap", self._bootstrap):
            try:
                self._steps()
            finally:
                if not self.options.keep:
                    self._step("destroy", lambda: self._cdk("destroy", "--all", "--force"))
                    self._step("nothing left", self._left)
        return self._report()

    def _steps(self) -> None:
        if self._step("deploy", lambda: self._cdk("deploy", "--all", "--require-approval", "never")):
            self._step("call", self._call)
            self._step("update", self._update)
            self._step("roll back", self._roll_back)
            self._step("drift", self._drift)

    def _stacks(self) -> list[str]:
        """The stacks of this smoke, with those of groups and of the platform, that are there."""
        from greensage.planner import plan
        from greensage.spec import load_specs

        pages = self.session.client("cloudformation").get_paginator("describe_stacks").paginate()
        rows = [row for page in pages for row in page["Stacks"] if row["StackStatus"] != "DELETE_COMPLETE"]
        groups = {group.stack_name for group in plan(load_specs(self.models), default_region=REGION).groups}
        names = {*self.options.only, *groups, f"greensage-platform-{REGION}"}
        return sorted(row["StackName"] for row in rows if row["StackName"] in names)

    def _prepare(self) -> None:
        """Copies of the model files, one of them watched for drift."""
        from sklearn.datasets import load_breast_cancer

        (self.models / "artifacts").mkdir(parents=True)
        for name in self.options.only:
            shutil.copy(ROOT / f"models/{name}.yaml", self.models)
            for path in (ROOT / "models/artifacts").glob(f"{name}*"):
                shutil.copy(path, self.models / "artifacts")
        if "churn" not in self.options.only:
            return
        data = cast(Any, load_breast_cancer())
        table = self.models / "train.csv"
        names = [name.replace(" ", "_") for name in data.feature_names]
        table.write_text("\n".join([",".join(names), *(",".join(map(repr, row)) for row in data.data.tolist())]) + "\n")
        command = [sys.executable, "-m", "greensage", "baseline", str(table), "-o", str(self.models / "churn.statistics.json")]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "constructs")}, capture_output=True)
        file = self.models / "churn.yaml"
        # Of so few requests every one is captured; of as many as the file says, a few percent would be.
        file.write_text(file.read_text().replace("200_000", "2_000") + "drift: {baseline: churn.statistics.json}\n")

    def _step(self, name: str, work: Callable[[], Facts]) -> bool:
        print(f"{time.time() - self.begun:6.0f} s  {name} ...", flush=True)
        begun = time.time()
        try:
            facts, error = work(), ""
        except Exception as problem:  # a step that fails is what the report is for
            facts, error = {}, f"{type(problem).__name__}: {problem}"
        row = {
            "step": name,
            "ok": not error,
            "seconds": round(time.time() - begun),
            "facts": facts,
            **({"error": error} if error else {}),
        }
        self.steps.append(row)
        if error:
            print(f"          FAILED: {error[-1500:]}", flush=True)
        return not error

    def _preflight(self) -> Facts:
        command = [sys.executable, "-m", "greensage", "preflight", str(self.models), "--json"]
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "constructs")}, check=False
        )
        found = json.loads(done.stdout)
        in_the_way = [check for check in found["checks"] if check["state"] == "stops" and check["what"] != "CDK bootstrap"]
        if in_the_way:
            raise RuntimeError("; ".join(f"{check['what']}: {check['found']} -> {check['do']}" for check in in_the_way))
        return {"unknown": [check["what"] for check in found["checks"] if check["state"] == "unknown"]}

    def _bootstrap(self) -> Facts:
        account = self.session.client("sts").get_caller_identity()["Account"]
        os.environ["CDK_DEFAULT_ACCOUNT"], os.environ["CDK_DEFAULT_REGION"] = account, REGION
        return self._cdk("bootstrap", f"aws://{account}/{REGION}")

    def _cdk(self, *arguments: str, check: bool = True) -> Facts:
        command = [str(ROOT / "node_modules/.bin/cdk"), "--no-notices", "--app", f"{sys.executable} app.py", *arguments]
        more = [] if arguments[0] == "bootstrap" else ["--concurrency", "4"]
        # A place of its own: the CDK's command line locks cdk.out.
        more += ["--output", str(self.models.parent / "cdk.out")]
        done = subprocess.run(
            [*command, *more, "-c", f"models={self.models}"], cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "NODE_NO_WARNINGS": "1", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1"},
        )  # fmt: skip
        if check and done.returncode:
            raise RuntimeError((done.stdout + done.stderr)[-3000:])
        return {"code": done.returncode}

    def _call(self) -> Facts:
        from demo import ask_batch, ask_endpoint

        from greensage.planner import plan
        from greensage.spec import load_specs

        found: Facts = {}
        for model in plan(load_specs(self.models), default_region=REGION).models:
            expected = json.loads((self.models / f"artifacts/{model.name}.expected.json").read_text())
            ask = ask_batch(model) if model.kind == "batch" else ask_endpoint(model)
            found[model.name] = {"kind": model.kind, "same": _same(ask(expected["rows"]), expected["predictions"])}
        wrong = [name for name, row in found.items() if not row["same"]]
        if wrong:
            raise RuntimeError(f"other answers than in Python: {', '.join(wrong)}")
        return found

    def _update(self) -> Facts:
        """Another model in the place of churn: the endpoint keeps its name and answers otherwise."""
        before = self._endpoint("churn")
        rows, other = self._other_model()
        self._cdk("deploy", "churn", "--require-approval", "never", "--exclusively")
        answered = self._ask("churn", rows)
        if not _same(answered, other):
            raise RuntimeError(f"the endpoint answers {answered[:2]}, not {other[:2]}")
        return {"same name": self._endpoint("churn") == before}

    def _roll_back(self) -> Facts:
        """An archive that holds no model: the deployment fails, and the endpoint goes on as it was."""
        import gzip
        import io
        import tarfile

        rows = json.loads((self.models / "artifacts/churn.expected.json").read_text())["rows"]
        before, content = self._ask("churn", rows), io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            row = tarfile.TarInfo("model.ubj")
            row.size = 12
            archive.addfile(row, io.BytesIO(b"not a model!"))
        archive_file = self.models / "artifacts/churn.tar.gz"
        good = archive_file.read_bytes()
        archive_file.write_bytes(gzip.compress(content.getvalue(), mtime=0))
        done = self._cdk("deploy", "churn", "--require-approval", "never", "--exclusively", check=False)
        archive_file.write_bytes(good)
        if done["code"] == 0:
            raise RuntimeError("the deployment of an archive without a model did not fail")
        stack = self.session.client("cloudformation").describe_stacks(StackName="churn")["Stacks"][0]["StackStatus"]
        return {"stack": stack, "same answers": _same(self._ask("churn", rows), before)}

    def _drift(self) -> Facts:
        """Requests that are shifted, captured, and looked at once."""
        import numpy as np
        from sklearn.datasets import load_breast_cancer

        place = self._address("churn")
        rows = np.asarray(cast(Any, load_breast_cancer()).data)
        for start in range(0, 400, 20):
            self._ask("churn", (rows[start : start + 20] * 1.5).tolist())
        s3, bucket, prefix = self.session.client("s3"), place["loop"]["bucket"], place["loop"]["prefix"]
        self._until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}capture/").get("KeyCount"), 600, "captured data")
        rows_of = self.session.client("cloudformation").describe_stack_resources(StackName="churn")["StackResources"]
        machine = next(
            row["PhysicalResourceId"]
            for row in rows_of
            if row["ResourceType"].endswith("StateMachine") and row["LogicalResourceId"].startswith("Drift")
        )
        client = self.session.client("stepfunctions")
        run = client.start_execution(stateMachineArn=machine, input=json.dumps({"time": ""}))["executionArn"]
        self._until(lambda: client.describe_execution(executionArn=run)["status"] != "RUNNING", 600, "the evaluation")
        return {"status": client.describe_execution(executionArn=run)["status"]}

    def _left(self) -> Facts:
        sagemaker = self.session.client("sagemaker")
        names = [row["EndpointName"] for row in sagemaker.list_endpoints()["Endpoints"]]
        ours, left = {*self.options.only, f"greensage-platform-{REGION}"}, self._stacks()
        endpoints = [name for name in names if name.split("-")[0] in ours]
        if left or endpoints:
            raise RuntimeError(f"stacks {left}, endpoints {endpoints}")
        return {}

    def _other_model(self) -> tuple[list[list[float]], list[float]]:
        import gzip
        import io
        import tarfile

        import xgboost
        from sklearn.datasets import load_breast_cancer

        data = cast(Any, load_breast_cancer())
        booster = xgboost.train(
            {"objective": "binary:logistic", "max_depth": 1, "nthread": 1}, xgboost.DMatrix(data.data, label=data.target), 3
        )
        packed, raw = io.BytesIO(), bytes(booster.save_raw("ubj"))
        with tarfile.open(fileobj=packed, mode="w") as archive:
            row = tarfile.TarInfo("model.ubj")
            row.size = len(raw)
            archive.addfile(row, io.BytesIO(raw))
        (self.models / "artifacts/churn.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))
        rows = data.data[:3]
        return rows.tolist(), booster.predict(xgboost.DMatrix(rows)).tolist()

    def _ask(self, name: str, rows: list[list[float]]) -> list[Any]:
        from greensage.client import EndpointClient

        return EndpointClient(name, session=self.session).predict(rows)

    def _address(self, name: str) -> Facts:
        value = self.session.client("ssm").get_parameter(Name=f"/greensage/models/{name}")["Parameter"]["Value"]
        return dict(json.loads(value))

    def _endpoint(self, name: str) -> str:
        return str(self._address(name)["endpoint"])

    def _until(self, done: Callable[[], Any], seconds: float, what: str) -> None:
        deadline = time.time() + seconds
        while not done():
            if time.time() > deadline:
                raise RuntimeError(f"no sign of {what} after {seconds:.0f} s")
            time.sleep(1 if self.options.local else 10)

    def _report(self) -> int:
        """Write what was found, and in what it differs from the local cloud."""
        if self.options.local and self.options.expect:
            EXPECTED.write_text(json.dumps(self._facts(), indent=1) + "\n")
        expected = json.loads(EXPECTED.read_text())
        differs = [
            {"step": row["step"], "here": row, "on the local cloud": expected.get(row["step"])}
            for row in self.steps
            if expected.get(row["step"]) != {"ok": row["ok"], "facts": row["facts"]}
        ]
        # With fewer models, what is expected of the others is not.
        differs = [row for row in differs if set(self.options.only) == set(KINDS) or not row["here"]["ok"]]
        self.options.report.write_text(
            json.dumps({"seconds": round(time.time() - self.begun), "steps": self.steps, "differs": differs}, indent=1)
        )
        for row in self.steps:
            print(f"{'ok    ' if row['ok'] else 'FAILED'}  {row['seconds']:5d} s  {row['step']}")
        print(f"{len(differs)} of {len(self.steps)} steps differ from the local cloud; {self.options.report} says how")
        return int(bool(differs))

    def _facts(self) -> Facts:
        return {row["step"]: {"ok": row["ok"], "facts": row["facts"]} for row in self.steps}


def _same(one: Any, other: Any) -> bool:
    import numpy as np

    return bool(np.abs(np.squeeze(np.asarray(one)) - np.squeeze(np.asarray(other))).max() <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
