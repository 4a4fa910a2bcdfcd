"""A new project: what `greensage init` writes."""

from .write import REGION as REGION
from .write import Written as Written
from .write import write_project as write_project
