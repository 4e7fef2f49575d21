"""Numbers that may be left to the model: "Auto (20)" until the painter sets one."""

from __future__ import annotations

from . import sentences
from .qt import QSizePolicy
from .widgets import CalmDoubleSpinBox, CalmSpinBox

LEFT = -0.1  # below all numbers: where an AutoDoubleSpinBox stands when it is left to the model


class AutoSpinBox(CalmSpinBox):
    """0 leaves it to the model."""

    def __init__(self, high: int, tip: str) -> None:
        super().__init__(0, high, 0, tip)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._own: int | None = None
        self.set_own(None)

    def set_own(self, own: int | None) -> None:
        """What the model takes; None while that is not known."""
        self._own = own
        self.setSpecialValueText(sentences.AUTO if own is None else sentences.AUTO_IS.format(number=own))

    def show_value(self, value: int) -> None:
        if self.value() != value:
            self.setValue(value)

    def stepBy(self, steps: int) -> None:
        """Up or down begins at what the model takes."""
        if self.value() == 0 and self._own is not None:
            self.setValue(max(1, self._own + steps))
        else:
            super().stepBy(steps)


class AutoDoubleSpinBox(CalmDoubleSpinBox):
    """Its lowest place leaves it to the model."""

    def __init__(self, high: float, tip: str) -> None:
        super().__init__(LEFT, high, LEFT, tip, 1, 0.5)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._own: float | None = None
        self.set_own(None)

    def set_own(self, own: float | None) -> None:
        self._own = own
        said = sentences.AUTO if own is None else sentences.AUTO_IS.format(number=f"{own:g}")
        self.setSpecialValueText(said)

    def number(self) -> float | None:
        return None if self.value() < 0 else round(self.value(), 1)

    def show_number(self, number: float | None) -> None:
        if self.number() != number:
            self.setValue(LEFT if number is None else number)

    def stepBy(self, steps: int) -> None:
        if self.value() < 0 and self._own is not None:
            self.setValue(max(0.0, self._own + steps * self.singleStep()))
        else:
            super().stepBy(steps)
