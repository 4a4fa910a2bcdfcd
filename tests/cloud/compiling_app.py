"""A user's app that has AWS compile its models: TorchScript for Inferentia, an XGBoost model by Neo for a family of instances."""

from __future__ import annotations

import sys
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, Stack

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "constructs")]

from greensage import ArtifactBucket, ContainerImage, ModelArtifact, ModelCompilation  # noqa: E402

app = App()
stack = Stack(app, "compiling", env=Environment(account="000000000000", region="eu-north-1"))
folder = Path(app.node.try_get_context("models"))
bucket = ArtifactBucket(stack, "Artifacts", noncurrent_days=1)
image = ContainerImage.accelerated("pytorch", "2.1.2", processor="neuronx", region="eu-north-1")
for name, options in {
    "inf2": {"target": "inf2", "input_shape": '{"input": [2, 64]}', "image": image},
    "empty": {"target": "trainium", "input_shape": '{"input": [2, 64]}', "image": image},
    "neo": {"target": "ml_c5", "framework": "xgboost"},
}.items():
    artifact = ModelArtifact(
        stack, f"Model-{name}", source=str(folder / f"{name}.tar.gz"), bucket=bucket, prefix=f"{name}/", name=name
    )
    made = ModelCompilation(stack, f"Compiled-{name}", artifact=artifact.location, **options)  # type: ignore[arg-type]
    made.needs(artifact)
    CfnOutput(stack, f"Machine{name}", value=made.state_machine.attr_arn)
    CfnOutput(stack, f"Place{name}", value=made.location.uri)
app.synth()
