"""How it is painted: steps, seed, variants; and, folded away, the model's own affairs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import sentences
from .choosers import Chooser, OwnChooser
from .fitting import fitting
from .guide_rows import GuideRows
from .qt import QFormLayout, QIcon, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget, pyqtSignal
from .settings import MOST_VARIANTS, Settings
from .spin import AutoDoubleSpinBox, AutoSpinBox
from .state import View
from .vendor.sfumato_wire import Extra, ModelInfo
from .widgets import CalmSpinBox, Fold, form, name_parts, row, silent

SEEDS = 2**31 - 1


class ModelRows(QWidget):
    changed = pyqtSignal()

    def __init__(self, rows: QFormLayout, icon: Callable[[str], QIcon]) -> None:
        """rows: the docker's own, for what is always seen; this widget is what is folded away."""
        super().__init__()
        self._models: Mapping[str, ModelInfo] = {}
        self.model = Chooser(sentences.TIP_MODEL, sentences.EDITS_UNKNOWN, sentences.CHOOSE_MODEL)
        rows.addRow(sentences.MODEL_LABEL, self.model)
        self.steps = AutoSpinBox(1000, sentences.TIP_STEPS)
        self.variants = CalmSpinBox(1, MOST_VARIANTS, 1, sentences.TIP_VARIANTS)
        self.variants.setPrefix(sentences.VARIANTS)
        rows.addRow(sentences.STEPS_LABEL, row(self.steps, self.variants))
        self.seed = CalmSpinBox(0, SEEDS, random.randrange(SEEDS), sentences.TIP_SEED)
        self.seed.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.dice = QToolButton()
        self.dice.setCheckable(True)
        self.dice.setChecked(True)
        self.dice.setAutoRaise(True)
        self.dice.setIcon(icon("view-refresh"))
        self.dice.setToolTip(sentences.TIP_DICE)
        rows.addRow(sentences.SEED_LABEL, row(self.seed, self.dice))
        self.guidance = AutoDoubleSpinBox(30.0, sentences.TIP_GUIDANCE)
        self.scheduler = OwnChooser(sentences.TIP_SCHEDULER, sentences.OWN_SCHEDULER)
        self.vae_label, self.vae = QLabel(sentences.VAE_LABEL), OwnChooser(sentences.TIP_VAE, sentences.OWN_VAE)
        self.guide = GuideRows()
        body, more, inner = QWidget(), form(), QVBoxLayout()
        body.setLayout(inner)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addLayout(more)
        inner.addWidget(self.guide)
        more.addRow(sentences.GUIDANCE_LABEL, self.guidance)
        more.addRow(sentences.SCHEDULER_LABEL, self.scheduler)
        more.addRow(self.vae_label, self.vae)
        self.fold = Fold(sentences.PAINTING_HOW, sentences.TIP_PAINTING_HOW, body)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.fold)
        column.addWidget(body)
        self.seed.setEnabled(False)
        self.dice.toggled.connect(lambda on: self.seed.setEnabled(not on))
        for signal in (
            self.model.chosen,
            self.steps.valueChanged,
            self.variants.valueChanged,
            self.seed.valueChanged,
            self.dice.toggled,
            self.guidance.valueChanged,
            self.scheduler.activated,
            self.vae.activated,
            self.guide.changed,
        ):
            signal.connect(lambda *_: self.changed.emit())
        name_parts(self)
        self.fold.setObjectName("sfumato_model_fold")

    def fields(self) -> dict[str, Any]:
        """Of Settings."""
        return {
            "model": self.model.current(),
            "steps": self.steps.value(),
            "variants": self.variants.value(),
            "seed": None if self.dice.isChecked() else self.seed.value(),
            "guidance": self.guidance.number(),
            "scheduler": self.scheduler.current(),
            "vae": self.vae.current(),
            "guide": self.guide.guide(),
        }

    def show_models(self, view: View, wanted: Settings) -> None:
        models, schedulers = view.models, view.schedulers
        self._models = {model.id: model for model in models}
        self.model.show_things(tuple((m.id, m.name, m.family) for m in models), wanted.model)
        info = self._models.get(self.model.current()) or next(iter(models), None)
        with silent(self.steps), silent(self.guidance):
            self.steps.set_own(info.steps if info else None)
            self.guidance.set_own(info.guidance_scale if info else None)
        self.guide.show_controlnets(info, view.controlnets, wanted.guide)
        self._show_schedulers(tuple(schedulers.get(info.family, ())) if info else (), wanted.scheduler)
        self._show_vaes(info, view.vaes, wanted.vae)

    def show_settings(self, settings: Settings) -> None:
        with silent(self.steps), silent(self.variants), silent(self.seed), silent(self.dice), silent(self.guidance):
            self.steps.show_value(settings.steps)
            self.variants.setValue(settings.variants)
            self.guidance.show_number(settings.guidance)
            self.dice.setChecked(settings.seed is None)
            self.seed.setEnabled(settings.seed is not None)
            if settings.seed is not None and settings.seed != self.seed.value():
                self.seed.setValue(settings.seed)

    def show_seed(self, seed: int) -> None:
        """The one of the last edit, where each has a new one."""
        if self.dice.isChecked() and self.seed.value() != seed:
            with silent(self.seed):
                self.seed.setValue(seed)

    def _show_schedulers(self, names: tuple[str, ...], wanted: str) -> None:
        """One that is wanted stays in sight, whether this model has it or not."""
        names = names if not wanted or wanted in names else (*names, wanted)
        self.scheduler.show_things({name: name for name in names}, wanted)

    def _show_vaes(self, model: ModelInfo | None, there: Sequence[Extra], wanted: str) -> None:
        """Not there where the model takes none, or none is there. One that is wanted but not for this model stays in
        sight and says so first: names are long, and the end is cut off."""
        names = {vae.id: vae.name for vae in fitting("vae", model, there)}
        if wanted and wanted not in names:
            name = next((vae.name for vae in there if vae.id == wanted), wanted)
            names[wanted] = sentences.VAE_UNUSED.format(name=name)
        self.vae.show_things(names, wanted)
        for widget in (self.vae_label, self.vae):
            widget.setVisible(model is not None and "vae" in model.takes and bool(names))
