"""Out of memory, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sfumato.errors import SfumatoError
from sfumato.models.ladder import is_out_of_memory, let_go


@contextmanager
def enough_memory(otherwise: str) -> Iterator[None]:
    """Raises SfumatoError where memory does not suffice. otherwise: a sentence, what to do then."""
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        let_go(error)
        raise SfumatoError("out_of_memory", f"The memory does not suffice. {otherwise}") from None
