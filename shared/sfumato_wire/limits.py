"""Every limit of the wire, by name. Both sides enforce all of them, before a byte is allocated."""

from __future__ import annotations

MIB = 1024 * 1024

MAX_MESSAGE = 1 * MIB  # one frame: lengths, header and payload
MAX_HEADER = 896 * 1024  # the JSON part of a frame; a painter may have thousands of models
CHUNK = 512 * 1024  # blob bytes a frame carries; the last one of a blob fewer
MAX_SIDE = 65_535  # pixels along one side of anything
MAX_BLOB = 512 * MIB  # one picture
MAX_PREVIEW = 256 * 1024  # bytes of a preview: 256 x 256 RGB and some
MAX_TEXT = 8_192  # characters of a prompt, a sentence
MAX_NAME = 256  # characters of an id, a name
MAX_ITEMS = 8_192  # entries of any list or table
MAX_DEPTH = 8  # nesting of JSON
MAX_JOBS = 64  # jobs of one connection that have not ended
MAX_OWED = 4 * MAX_JOBS  # different blobs of one connection that were asked for and have not come
MAX_INCOMING = 2 * MAX_BLOB  # bytes of one connection's blobs that have begun to come and not ended
MAX_STEPS = 1_000
MAX_SEED = 2**63 - 1
MAX_LORAS = 16  # of one request
MAX_CONTROL_WEIGHT = 2.0  # of a ControlNet; 1 is as it was made
MAX_LORA_WEIGHT = 10.0  # either way: a negative weight takes away what the LoRA would add
