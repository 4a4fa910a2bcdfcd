"""Models that the planner puts on one endpoint by itself: deployed, called, joined by a third, and left again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from greensage.cli import main
from greensage.client import EndpointClient
from tests.cloud.conftest import Cdk, RequestLoop, bootstrapped, environment_of
from tests.cloud.lookup import copy_models, expected_of

pytestmark = [pytest.mark.cloud, pytest.mark.slow]
FRAMEWORKS = {"churn": "xgboost", "diabetes": "lightgbm", "wine": "lightgbm"}


def text(name: str, more: str = "") -> str:
    """A file that says what its callers need, and nothing of hosting."""
    return (
        f"name: {name}\nmodel: {{artifact: artifacts/{name}.tar.gz, framework: {FRAMEWORKS[name]}}}\n"
        f"sla: {{latency_p95_ms: 500, cold_start_ok: false}}\nregion: {{allowed: [eu-north-1]}}\n{more}"
    )


@pytest.fixture(scope="module")
def cdk(local_cloud, tmp_path_factory) -> Cdk:
    folder = tmp_path_factory.mktemp("sharing")
    copy_models(folder, ())
    for name in ("churn", "diabetes"):
        (folder / f"models/{name}.yaml").write_text(text(name))
    made = bootstrapped(Cdk(folder / "models", environment_of(local_cloud), folder / "cdk.out"))
    made.deploy()
    yield made
    made.destroy()


def right(session, *names: str) -> None:
    for name in names:
        wanted = expected_of(name)
        answer = EndpointClient(name, session=session).predict(wanted["rows"])
        np.testing.assert_allclose(answer, wanted["predictions"], atol=1e-6)


def endpoints(session) -> list[str]:
    """This module's endpoints: other modules of the same cloud may have left some."""
    names = [row["EndpointName"] for row in session.client("sagemaker").list_endpoints()["Endpoints"]]
    return [name for name in names if name.startswith(("shared", *FRAMEWORKS))]


def test_two_files_share_an_endpoint_without_asking(cdk, session):
    right(session, "churn", "diabetes")
    assert len(endpoints(session)) == 1


def test_a_third_joins_without_a_failed_request(cdk, session):
    (cdk.models / "wine.yaml").write_text(text("wine"))
    with RequestLoop(EndpointClient("churn", session=session), expected_of("churn")["rows"]) as loop:
        cdk.deploy()
    assert loop.failures == [] and loop.answers
    right(session, "churn", "diabetes", "wine")
    assert len(endpoints(session)) == 1


def test_who_asks_to_be_alone_leaves_without_a_failed_request(cdk, session):
    (cdk.models / "churn.yaml").write_text(text("churn", "sharing: never\n"))
    with RequestLoop(EndpointClient("churn", session=session), expected_of("churn")["rows"]) as loop:
        cdk.deploy()
    assert loop.failures == [] and loop.answers
    right(session, "churn", "diabetes", "wine")


def test_what_is_left_over_is_shown_and_then_deleted(cdk, session, monkeypatch, capsys):
    monkeypatch.setattr("greensage.commands.orphans.account_session", lambda: RegionalSession(session))
    assert main(["clean", str(cdk.models)]) == 0
    shown = capsys.readouterr().out
    assert "eu-north-1  shared-churn-multi-container  nothing uses it" in shown and "--yes" in shown
    assert len(endpoints(session)) == 3, "showing deletes nothing"
    assert main(["clean", str(cdk.models), "--yes"]) == 0
    assert "deleted shared-churn-multi-container in eu-north-1" in capsys.readouterr().out
    assert len(endpoints(session)) == 2
    right(session, "churn", "diabetes", "wine")
    assert main(["clean", str(cdk.models)]) == 0
    assert "Nothing is left over" in capsys.readouterr().out


def test_what_a_deployed_model_points_to_is_kept(cdk, session, monkeypatch, capsys):
    """The file has moved on, the deployment has not: the endpoint still serves."""
    monkeypatch.setattr("greensage.commands.orphans.account_session", lambda: RegionalSession(session))
    for name in ("diabetes", "wine"):
        (cdk.models / f"{name}.yaml").write_text(text(name, "sharing: never\n"))
    assert main(["clean", str(cdk.models), "--yes"]) == 0
    assert "kept: diabetes, wine still there; deploy first" in capsys.readouterr().out
    right(session, "diabetes", "wine")


class RegionalSession:
    """The tests' session for code that names the Region itself."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def client(self, name: str, region_name: str, **options: Any) -> Any:
        assert region_name == "eu-north-1"
        return self._session.client(name, **options)
