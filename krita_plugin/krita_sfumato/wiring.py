"""What happens when something is pressed in the docker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import falloff, making, presets, remote, sentences
from .apply_row import FAN
from .docker import Panel
from .settings import settings_from, to_json

if TYPE_CHECKING:
    from .application import Application

Slot = tuple[Any, Any, Callable[..., Any]]  # a signal, the guard of what it calls, and that


def wire(app: Application, panel: Panel) -> None:
    """work: an error ends the edit it is part of; beside: it does not."""
    for signal, guard, call in (*_edits(app, panel), *_results(app, panel)):
        signal.connect(guard(partial(_of_its_picture, app, panel, call)))
        signal.connect(app.show_all)
    for signal, guard, call in _settings(app, panel):
        signal.connect(guard(partial(_if_of_its_picture, app, panel, call)))
        signal.connect(app.show_all)
    for signal, guard, call in _rest(app, panel):
        signal.connect(guard(call))
        signal.connect(app.show_all)


def _of_its_picture(app: Application, panel: Panel, call: Callable[..., Any], *said: Any) -> None:
    """What is pressed counts for the active picture: the docker shows that one first."""
    if panel.document != app.document_id():
        app.refresh()
    call(*said)


def _if_of_its_picture(app: Application, panel: Panel, call: Callable[..., Any], *said: Any) -> None:
    """What is set counts for the picture that the docker shows, and for no other; without one, for the next."""
    if app.document_id() in (panel.document, ""):
        call(*said)


def _edits(app: Application, panel: Panel) -> Iterator[Slot]:
    control, row, work, beside = app.controller, panel.footer.row, app.guard, app.guard.beside
    yield row.apply, work, lambda: control.apply(panel.settings())
    yield row.replace, work, lambda: control.apply(panel.settings(), in_place=True)
    yield row.fan, work, lambda: control.apply(panel.settings(), strengths=FAN)
    yield row.cancel, work, control.cancel
    yield row.live_toggled, beside, control.turn_live
    yield panel.maps.find_map, work, lambda: control.apply(panel.settings(), "map")
    yield panel.maps.new_map, beside, control.new_map
    yield from _maps(app, panel)
    yield panel.footer.place, beside, control.place
    yield panel.footer.drop, beside, control.drop
    yield panel.footer.keep_live, work, control.take_live


def _maps(app: Application, panel: Panel) -> Iterator[Slot]:
    """Where a new map can come from."""
    control, menu, beside = app.controller, panel.maps.menu, app.guard.beside

    def around(layer: str, radius: int, inwards: bool) -> None:
        control.make_map(lambda d: falloff.around(d, layer, radius, inwards, app.compute, app.host.new_selection))

    def of_brightness(layer: str, preset: str) -> None:
        control.make_map(lambda d: making.from_brightness(d, layer, preset, app.compute))

    yield menu.new_empty, beside, control.new_map
    yield menu.from_selection, beside, lambda: control.make_map(lambda d: making.from_selection(d, app.compute))
    yield menu.falloff, beside, around
    yield menu.from_brightness, beside, of_brightness
    yield menu.leave_out, beside, control.leave_out


def _settings(app: Application, panel: Panel) -> Iterator[Slot]:
    beside = app.guard.beside

    def choose_map(layer: str) -> None:
        app.remember(choices=app.note().choosing_layer(layer, panel.maps.choice()))

    def read_map() -> None:
        app.remember(choices=app.note().choosing(panel.maps.choice()))

    def take_style(name: str) -> None:
        said = to_json(app.note().settings) | app.presets.read(name)
        app.remember(settings=settings_from(said))

    def save_style(name: str) -> None:
        app.controller.tell(sentences.PRESET_SAVED.format(name=app.presets.save(name, to_json(panel.settings()))))

    def tried(call: Callable[..., Any]) -> Callable[..., None]:
        def attempt(*said: Any) -> None:
            try:
                call(*said)
            except presets.PresetError as error:
                app.controller.tell(str(error), is_trouble=True)
            panel.styles.show_presets(app.presets.names())

        return attempt

    yield panel.changed, beside, lambda *_: app.remember(settings=panel.settings())
    yield panel.footer.row.mask_toggled, beside, lambda *_: app.remember(settings=panel.settings())

    def level(black: int, white: int, gamma: float) -> None:
        chosen = replace(panel.maps.choice(), black=black, white=white, gamma=gamma)
        app.remember(choices=app.note().choosing(chosen))

    def soften(radius: int) -> None:
        app.remember(choices=app.note().choosing(replace(panel.maps.choice(), soften=radius)))

    yield panel.map_preview.levels_changed, beside, level
    yield panel.map_preview.soften_changed, beside, soften
    yield panel.map_preview.canvas_toggled, beside, app.lookout.show_on_canvas
    yield panel.maps.chosen, beside, choose_map
    yield panel.maps.read, beside, lambda *_: read_map()
    yield panel.styles.chosen, beside, tried(take_style)
    yield panel.styles.save, beside, tried(save_style)
    yield panel.styles.import_from, beside, tried(lambda file: app.presets.import_from(Path(file)))
    yield panel.styles.export, beside, tried(lambda name, file: app.presets.export(name, Path(file)))
    yield panel.styles.remove, beside, tried(app.presets.remove)


def _results(app: Application, panel: Panel) -> Iterator[Slot]:
    control, strip, work, beside = app.controller, panel.footer.strip, app.guard, app.guard.beside
    results = control.results

    def here(call: Callable[..., None]) -> Callable[..., None]:
        """Of the active picture, if there is one."""

        def act(*said: Any) -> None:
            if (document := app.host.document()) is not None:
                call(document, *said)

        return act

    yield strip.add, beside, control.use
    yield strip.replace, beside, lambda id: control.use(id, in_place=True)
    yield strip.copy_settings, beside, control.settings_of
    yield strip.favour, beside, here(results.favour)
    yield strip.discard, beside, here(lambda document, ids: results.of(document).remove(*ids))
    yield strip.restore, beside, control.restore
    yield strip.cancel, work, control.cancel
    yield strip.picture_wanted, beside, lambda id: control.large(id, lambda thumb: strip.show_picture(id, thumb))


def _rest(app: Application, panel: Panel) -> Iterator[Slot]:
    control, line, beside = app.controller, panel.footer.status_line, app.guard.beside

    def move(change: Callable[..., None], *said: str) -> None:
        """To another backend, if it can be."""
        try:
            change(*said)
        except remote.Wrong as wrong:
            line.remote_refused(str(wrong))
        else:
            line.remote_taken()
            app.client.redial()

    def stop() -> None:
        control.stop()
        if app.remote.is_set:
            app.client.redial()

    yield line.start, beside, control.start
    yield line.stop, beside, stop
    yield line.remote_chosen, beside, partial(move, app.remote.choose)
    yield line.local_chosen, beside, partial(move, app.remote.forget)
    yield line.copy_diagnostics, beside, lambda: app.copy_diagnostics(line.say)
    yield line.open_log, beside, lambda: app.open_log(line.say)
