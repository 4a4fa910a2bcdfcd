"""What the deployment steps of a retraining tell the model registry."""

from __future__ import annotations

from typing import Any

from retraining.deploy import Deployer


class Registry:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def update_model_package(self, **given: Any) -> None:
        self.told.append(given)


def test_an_approved_challenger_is_approved_and_says_by_whom():
    registry = Registry()
    deployer = Deployer({}, registry, None, None)
    assert deployer.approve({"registered": {"package": "arn"}, "approval": {"by": "ada"}}) == {"by": "ada"}
    assert deployer.approve({"registered": {"package": "arn"}}) == {"by": "automatically"}
    assert [row["ModelApprovalStatus"] for row in registry.told] == ["Approved", "Approved"]
    assert {row["ModelPackageArn"] for row in registry.told} == {"arn"}
    assert "approved: ada" in str(registry.told[0])
