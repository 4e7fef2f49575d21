"""The edits: one file per published method.

An edit is a module with `INFO`, which declares its parameters once for Python, command line, server and docker, and
`create(change_map, words, **settings)`, which gives a `sfumato.steering.Edit`.
"""

from sfumato.edits import differential
from sfumato.edits.differential import Differential
from sfumato.edits.words import Words

EDITS = {module.INFO.id: module for module in (differential,)}

__all__ = ["EDITS", "Differential", "Words"]
