"""An endpoint that was made elsewhere: by hand, by the SDK, by another stack."""

from __future__ import annotations

from aws_cdk import aws_ssm as ssm

from constructs import Construct

from ..core.checked import check_text
from .base import DEFAULT_VARIANT
from .metered import MeteredEndpoint


class ImportedEndpoint(MeteredEndpoint):
    """An endpoint of this account and Region by its name, with grants and metrics; nothing is created. Use a class method.

    Parameters
    ----------
    endpoint_name:
        Of the endpoint; may be a token.
    variant_name:
        The variant that the metrics are of; default AllTraffic, as greensage and the console call it.

    Raises TypeError or ValueError, naming the property, the value and what is allowed.

    Example
    -------
        ImportedEndpoint.from_endpoint_name(self, "Scoring", "fraud-prod").grant_invoke(function)
    """

    def __init__(self, scope: Construct, id: str, *, endpoint_name: str, variant_name: str = DEFAULT_VARIANT) -> None:
        super().__init__(scope, id)
        check_text("endpoint_name", endpoint_name)
        check_text("variant_name", variant_name)
        self._name, self.variant_name = endpoint_name, variant_name

    @classmethod
    def from_endpoint_name(
        cls, scope: Construct, id: str, endpoint_name: str, *, variant_name: str = DEFAULT_VARIANT
    ) -> ImportedEndpoint:
        """Return the endpoint called `endpoint_name`."""
        return cls(scope, id, endpoint_name=endpoint_name, variant_name=variant_name)

    @classmethod
    def from_parameter(
        cls, scope: Construct, id: str, parameter_name: str, *, variant_name: str = DEFAULT_VARIANT
    ) -> ImportedEndpoint:
        """Return the endpoint whose name stands in an SSM parameter, read when the stack is deployed."""
        found = ssm.StringParameter.value_for_string_parameter(scope, parameter_name)
        return cls(scope, id, endpoint_name=found, variant_name=variant_name)

    @property
    def endpoint_name(self) -> str:
        """The name to invoke."""
        return self._name
