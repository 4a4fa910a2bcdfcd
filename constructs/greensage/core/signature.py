"""What `help()` and `inspect.signature` say of a construct: every prop, where jsii's metaclass shows `*args, **kwargs`."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any

_UNPACK = re.compile(r"^Unpack\[(\w+)\]$")
_DOCUMENTED = "_greensage_documented"


class _Omitted:
    """Stands for a prop that need not be given; its default stands in the docs."""

    def __repr__(self) -> str:
        return "..."


class _OfTheOwner:
    """A class's own signature, also for what is derived from it."""

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        return _signature(owner)


def explained(found: Any) -> Any:
    """Return `found`; a class of jsii's gets its signature, and the docs of the props that it shares with others."""
    if not isinstance(found, type) or type(found) is type or _DOCUMENTED in found.__dict__:
        return found
    made: Any = found
    shared = _shared(found)
    if shared is not None:
        made.__doc__ = f"{inspect.getdoc(found)}\n\n{shared.__name__}: {inspect.getdoc(shared)}"
    setattr(made, "__signature__", _OfTheOwner())  # noqa: B010 - read by inspect only
    setattr(made, _DOCUMENTED, True)
    return found


def _signature(owner: Any) -> inspect.Signature:
    own = inspect.signature(owner.__init__)
    _, *parameters = own.parameters.values()
    shared = _shared(owner)
    if shared is None:
        return own.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    kept = [item for item in parameters if item.kind is not inspect.Parameter.VAR_KEYWORD]
    known = {item.name for item in kept}
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_Omitted(), annotation=_text(kind))
        for name, kind in shared.__annotations__.items()
        if name not in known
    ]
    return own.replace(parameters=[*kept, *more], return_annotation=inspect.Signature.empty)


def _shared(owner: Any) -> Any:
    """The TypedDict that `**props` of its constructor unpacks; None where it has none."""
    for item in inspect.signature(owner.__init__).parameters.values():
        found = _UNPACK.match(str(item.annotation)) if item.kind is inspect.Parameter.VAR_KEYWORD else None
        if found:
            # Imported for type checkers only, where the class is written; at run time from where all of them live.
            return getattr(sys.modules["greensage.endpoints.props"], found[1], None)
    return None


def _text(kind: Any) -> Any:
    return getattr(kind, "__forward_arg__", kind)
