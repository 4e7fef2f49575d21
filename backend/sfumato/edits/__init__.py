"""The edits: one file per published method.

An edit is a module with `INFO`, which declares its parameters once for Python, command line, server and docker, and
`create(change_map, words, **settings)`, which gives a `sfumato.steering.Edit`. It may say `COMPOSITE`, the composite
that suits it best, and, where `INFO.finds_map`, has `finder(change_map, words, **map_settings)`: an Edit whose pass
gives `found()`, the map it found for the prompt where `change_map` is not black, float [batch, rows, columns] in 0..1.
"""

from sfumato.edits import differential, sdedit, soft_inpainting
from sfumato.edits.differential import Differential
from sfumato.edits.sdedit import SDEdit
from sfumato.edits.soft_inpainting import SoftInpainting
from sfumato.edits.words import Words

EDITS = {module.INFO.id: module for module in (differential, soft_inpainting, sdedit)}

__all__ = ["EDITS", "Differential", "SDEdit", "SoftInpainting", "Words"]
