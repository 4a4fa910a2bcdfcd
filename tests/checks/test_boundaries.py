"""A line is drawn where the page says: the last value that passes, and the first that does not."""

from __future__ import annotations

import pytest

from greensage.catalog.checks import line
from tests.checks.helpers import failed

VOLUME = """
Resources:
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      ProductionVariants: [{{VariantName: a, ModelName: m, InstanceType: ml.c7g.large, InitialInstanceCount: 1, VolumeSizeInGB: {0}}}]
"""
FUNCTION = "Resources: {{F: {{Type: 'AWS::Lambda::Function', Properties: {{Architectures: [arm64], MemorySize: {0}}}}}}}"
LINES = {
    "GS-SIZ01": (VOLUME, "endpoint_volume_gb_max"),
    "GS-SIZ02": (FUNCTION, "lambda_memory_mb_max"),
}


@pytest.mark.parametrize("rule", LINES)
def test_the_line_itself_passes_and_one_more_fails(rule):
    text, name = LINES[rule]
    most = line(name)
    assert not failed(rule, text.format(most))
    assert failed(rule, text.format(most + 1))
