"""From what a training script left to a checked model.tar.gz and the YAML that deploys it."""

from .package import Packaged as Packaged
from .package import package as package
