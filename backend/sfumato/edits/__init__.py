"""The edits: one file per published method. An edit is a module with `INFO` and `create(change_map, **settings)`."""

from sfumato.edits import differential
from sfumato.edits.differential import Differential

EDITS = {module.INFO.id: module for module in (differential,)}

__all__ = ["EDITS", "Differential"]
