"""The server with the one model that most tests ask."""

from __future__ import annotations

import pytest

from tests.serving.running import start, unpacked


@pytest.fixture(scope="module")
def churn(tmp_path_factory):
    container = start(unpacked("churn", tmp_path_factory.mktemp("churn")))
    yield container
    container.stop()
