"""Makes a trained model smaller and faster, proves that it still answers the same, and says what was won.

`given` looks at what there is, each file of `passes` makes candidates of it, `measure` runs all of them through the serving
container's own code in processes of their own, `parity` compares their answers on the user's sample, `choose` keeps the best
that is legal and says why the others lost, `bundle` writes it with its lineage. Needs the extra `optimize`.
"""

from __future__ import annotations

from .choose import Result, optimize
from .parity import Limits

__all__ = ["Limits", "Result", "optimize"]
