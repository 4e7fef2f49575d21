"""What guides the model beside the words: a ControlNet, the layer it is shown, how much and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import sentences
from .choosers import LayerChooser
from .fitting import fitting
from .qt import QFormLayout, QWidget, pyqtSignal
from .settings import Guide
from .vendor.sfumato_wire import Extra, ModelInfo
from .widgets import CalmComboBox, CalmDoubleSpinBox, form, name_parts, row, silent


class GuideRows(QWidget):
    """Not there where the model takes none, or none is there."""

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._guide = Guide()
        self.controlnet = CalmComboBox(sentences.TIP_CONTROLNET)
        self.shown_layer = LayerChooser(sentences.TIP_SHOWN_LAYER, with_selection=False)
        self.weight = CalmDoubleSpinBox(0.0, 2.0, 1.0, sentences.TIP_WEIGHT, 2, 0.05)
        self.begin = CalmDoubleSpinBox(0.0, 0.99, 0.0, sentences.TIP_RANGE, 2, 0.05)
        self.end = CalmDoubleSpinBox(0.01, 1.0, 1.0, sentences.TIP_RANGE, 2, 0.05)
        rows = form()
        rows.addRow(sentences.CONTROLNET_LABEL, self.controlnet)
        rows.addRow(sentences.SHOWN_LABEL, self.shown_layer)
        rows.addRow(sentences.WEIGHT_LABEL, row(self.weight))
        rows.addRow(sentences.RANGE_LABEL, row(self.begin, self.end))
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.setLayout(rows)
        self.controlnet.activated.connect(lambda *_: self.changed.emit())
        self.shown_layer.chosen.connect(lambda *_: self.changed.emit())
        for box in (self.weight, self.begin, self.end):
            box.valueChanged.connect(lambda *_: self.changed.emit())
        name_parts(self)
        self.hide()

    def guide(self) -> Guide:
        """A range that ends before it begins is the whole one."""
        if self.isHidden():
            return self._guide
        begin, end = round(self.begin.value(), 2), round(self.end.value(), 2)
        begin, end = (begin, end) if begin < end else (0.0, 1.0)
        layer, weight = self.shown_layer.current() or self._guide.layer, round(self.weight.value(), 2)
        return Guide(str(self.controlnet.currentData() or ""), layer, weight, begin, end)

    def show_controlnets(self, model: ModelInfo | None, there: Sequence[Extra], guide: Guide) -> None:
        self._guide = guide
        those = fitting("controlnet", model, there)
        self.setVisible(bool(those))
        names = [("", sentences.NO_CONTROLNET), *((one.id, one.name) for one in those)]
        shown = [(self.controlnet.itemData(i), self.controlnet.itemText(i)) for i in range(self.controlnet.count())]
        if self.controlnet.view().isVisible():
            return
        with silent(self.controlnet), silent(self.weight), silent(self.begin), silent(self.end):
            if shown != names:
                self.controlnet.clear()
                for id, name in names:
                    self.controlnet.addItem(name, id)
            self.controlnet.setCurrentIndex(max(0, self.controlnet.findData(guide.id)))
            for box, value in ((self.weight, guide.weight), (self.begin, guide.begin), (self.end, guide.end)):
                if round(box.value(), 2) != value:
                    box.setValue(value)
        for widget in (self.shown_layer, self.weight, self.begin, self.end):
            widget.setEnabled(bool(guide.id))

    def show_layers(self, layers: Sequence[Any]) -> None:
        self.shown_layer.show_layers(layers, self._guide.layer, sentences.CHOOSE_LAYER)
