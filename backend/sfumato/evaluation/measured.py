"""What has been measured so far, in a file, so that hours are not lost to a machine that is switched off."""

from __future__ import annotations

import json
from collections import UserDict
from pathlib import Path
from typing import Any

from sfumato.errors import SfumatoError


class Measured(UserDict[str, Any]):
    """Values of JSON by name, there again when this is made with the same key; under another key it begins anew.

    A line for each: what is set is added to the file at once, whatever it holds already, and a line that was cut short
    is no line. file: None where nothing may be written. otherwise: the option that names another place. Setting raises
    SfumatoError when the file cannot be written.
    """

    def __init__(self, file: Path | None, key: dict[str, Any], otherwise: str) -> None:
        super().__init__()
        self.file, self.otherwise, self._fresh = file, otherwise, True
        self._first = json.dumps({"key": key}, sort_keys=True) + "\n"
        try:
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file else []
        except (OSError, ValueError):
            return  # there is none
        if lines[:1] == [self._first]:
            self._fresh = False
            for line in lines[1:]:
                try:
                    name, value = json.loads(line)
                    self.data[str(name)] = value
                except (ValueError, TypeError):
                    pass  # cut short

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        if not self.file:
            return
        # The line before may have been cut short, so each begins with an end of line; an empty line is skipped, too.
        line = "\n" + json.dumps([name, value], allow_nan=False) + "\n"
        try:
            with self.file.open("w" if self._fresh else "a", encoding="utf-8") as opened:
                opened.write(self._first + line if self._fresh else line)
        except OSError as error:
            sentence = f"{self.file} cannot be written ({error.strerror}). Give another {self.otherwise}."
            raise SfumatoError("unwritable", sentence) from None
        self._fresh = False

    def remove(self) -> None:
        """The file; it has served."""
        if self.file:
            self.file.unlink(missing_ok=True)
