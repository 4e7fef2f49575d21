"""The edits: one file per published method.

An edit is a module with `INFO`, which declares its parameters once for Python, command line, server and docker, and
`create(change_map, words, **settings)`, which gives a `sfumato.steering.Edit`. It may say `COMPOSITE`, the composite
that suits it best, and, where `INFO.finds_map`, has `finder(change_map, words, **map_settings)`: an Edit whose pass
gives `found()`, the map it found for the prompt where `change_map` is not black, float [batch, rows, columns] in 0..1.
"""

from sfumato.edits import diffedit, differential, edit_friendly, sdedit, soft_inpainting
from sfumato.edits.contrast import Contrast, find_map
from sfumato.edits.diffedit import DiffEdit
from sfumato.edits.differential import Differential
from sfumato.edits.edit_friendly import EditFriendly
from sfumato.edits.sdedit import SDEdit
from sfumato.edits.soft_inpainting import SoftInpainting
from sfumato.edits.words import Words

EDITS = {module.INFO.id: module for module in (differential, soft_inpainting, sdedit, diffedit, edit_friendly)}

__all__ = [
    "EDITS",
    "Contrast",
    "DiffEdit",
    "Differential",
    "EditFriendly",
    "SDEdit",
    "SoftInpainting",
    "Words",
    "find_map",
]
