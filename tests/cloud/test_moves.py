"""One model moves from kind to kind and from group to group: each move is one `cdk deploy`, and nobody notices."""

from __future__ import annotations

import numpy as np
import pytest

from greensage.client import EndpointClient
from tests.cloud.conftest import Cdk, RequestLoop, bootstrapped, environment_of
from tests.cloud.lookup import copy_models, expected_of

pytestmark = [pytest.mark.cloud, pytest.mark.slow]
HEAD = """\
name: churn
model: {artifact: artifacts/churn.tar.gz, framework: xgboost}
region: {allowed: [eu-north-1]}
"""
VARIANT = "variants: [{name: other, weight: 0.001, model: {artifact: artifacts/churn.tar.gz, framework: xgboost}}]\n"
STEPS = {
    "real-time to serverless": "hosting: serverless\n",
    "serverless to asynchronous": "hosting: asynchronous\n",
    "asynchronous to a group": "hosting: multi-model\ngroup: first\n",
    "to another group": "hosting: multi-model\ngroup: second\n",
    "the group becomes one of components": "hosting: {kind: inference-components, min_copies: 1}\ngroup: second\n",
    "back to real-time": "hosting: real-time\n",
    "a second variant": "hosting: real-time\n" + VARIANT,
    "and without it": "hosting: real-time\n",
}


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = tmp_path_factory.mktemp("moves")
    copy_models(folder, ())
    (folder / "models/churn.yaml").write_text(HEAD + "hosting: real-time\n")
    made = bootstrapped(Cdk(folder / "models", environment_of(local_cloud), folder / "cdk.out"))
    made.deploy()
    yield made
    made.destroy()


@pytest.mark.parametrize("step", STEPS)
def test_a_move_is_one_deployment_without_a_failed_request(cdk, session, step):
    wanted = expected_of("churn")
    (cdk.models / "churn.yaml").write_text(HEAD + STEPS[step])
    with RequestLoop(EndpointClient("churn", session=session), wanted["rows"]) as loop:
        cdk.deploy()
    assert loop.failures == [] and loop.answers
    assert set(np.round(loop.answers, 5)) == {round(wanted["predictions"][0], 5)}
    answer = EndpointClient("churn", session=session).predict(wanted["rows"])
    np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-6)
