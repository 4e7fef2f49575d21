"""Does the change follow the map? CAM and DAM, trend and reliability, and which of three maps made an edit.

Every contender edits the same pictures by the same three maps. The prompts ask for another scene altogether, so that
every pixel has a reason to change; what it changes is measured against the picture's round trip through the
autoencoder, and the full edit's own change is taken off (the paper's EM). White is the pipeline's own img2img under
every rule, so one full edit serves them all.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sfumato.change_map import M
from sfumato.evaluation import measures
from sfumato.evaluation.adhered import adhered
from sfumato.evaluation.bench import OWN, Bench, Pictures, grey
from sfumato.evaluation.cases import cases
from sfumato.evaluation.maps import MAPS
from sfumato.evaluation.results import IDEAL, Column, Figure, Line, Plot, Result, Strip, Table, mean_line
from sfumato.evaluation.sizes import Size

from .contenders import DISTANCES, OURS, Alike, checked_table, contenders

Changes = dict[str, NDArray[np.float32]]  # by distance, [cases, side, side]
Looked = tuple[NDArray[np.uint8], Changes]  # the first picture, and how all changed
WHERE = (Column("scheduler", "scheduler"), Column("steps", "steps", digits=0))
RULE = Column("rule", "rule")


def adherence(bench: Bench, size: Size, seed: int) -> Result:
    """Tables `adherence`, `trend`, `identification` and `rules`."""
    who = [one for one in contenders(bench, size.contenders) if one.key != "ours, spend"]
    some = cases(seed, size.adherence_cases, ("everything",))
    maps = {name: draw(bench.side) for name, draw in MAPS.items()}
    before = bench.roundtrips(some)

    def look(pictures: Pictures) -> Looked:
        return pictures[0], {name: distance(pictures, before) for name, distance in DISTANCES.items()}

    result = Result(
        "Does the change follow the map?",
        f"{len(some)} pictures of {bench.side} pixels; each prompt asks for another scene. Change is measured by "
        "CIELAB distance and by the perceptual distance of the classifier's features, against the picture after the "
        "autoencoder alone; the change of the full edit is taken off. Where a map holds white, the setting `spend` "
        "changes nothing and has no row.",
        [_adherence_table(), _trend_table(), _identification_table(), checked_table(who)],
    )
    followed, trends, identified, _ = result.tables
    # The pictures of one schedule are shown: with all maps, and many steps.
    named = [replace(place, scheduler=bench.scheduler) if place.scheduler == OWN else place for place in size.grid]
    places = [place for place in dict.fromkeys(named) if place.scheduler in bench.schedulers]
    shown = max(places, key=lambda place: (len(place.maps), place.steps))
    for place in places:
        looked = Alike(bench, some, place.steps, place.scheduler, look)
        full = looked(OURS[0], grey(1.0))[1]
        where = {"scheduler": place.scheduler, "steps": place.steps}
        strip = Strip(f"What changed on average, {place.scheduler}, {place.steps} steps", [], [], [])
        plot = Plot(f"Trend over the gradient, {place.scheduler}, {place.steps} steps", "column", "trend", [])
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in place.maps}
        for one in who:
            bench.say(f"{place.scheduler}, {place.steps} steps: {one.key}")
            found = {name: looked(one, maps[name]) for name in place.maps}
            for name, (_, changes) in found.items():
                rows[name].append({**where, "map": name, "rule": one.key} | _adhered(changes, full, maps[name]))
            if "gradient" in found:
                trends.rows.append({**where, "rule": one.key} | _trend(found["gradient"][1]["lab"], full["lab"]))
                plot.lines.append(_line(one.key, found["gradient"][1]["lab"], full["lab"]))
            if len(found) > 1:
                identified.rows.append({**where, "rule": one.key} | _identified(found, maps))
            if place == shown:
                strip.rows.append(_row(found, full))
                strip.names.append(one.key)
        for name in place.maps:
            exact = {distance: change * (maps[name] / np.float32(M)) for distance, change in full.items()}
            rows[name].append({**where, "map": name, "rule": IDEAL} | _adhered(exact, full, maps[name]))
        followed.rows += itertools.chain(*rows.values())
        if place == shown:
            strip.columns = [*(f"change by {name}" for name in place.maps), *(f"edit by {name}" for name in place.maps)]
            strip.rows.insert(0, [_grey(maps[name]) for name in place.maps] * 2)
            strip.names.insert(0, "the maps")
            result.strips.append(strip)
            result.plots.append(plot)
    return result


def _adherence_table() -> Table:
    figures = []
    for distance in DISTANCES:
        figures += [Column(f"cam_{distance}", f"CAM, {distance}", "up", 3)]
        figures += [Column(f"dam_{distance}", f"DAM, {distance}", "down", 1)]
        figures += [Column(f"share_{distance}", f"CAM of the share, {distance}", "up", 3)]
    note = (
        "DAM is per pixel, in levels of 255. Of the share: change over the full edit's, where the paper takes the "
        "difference; scenes do not change as easily everywhere. 'ideal' is what change of exactly c of the full edit's "
        "in every pixel gets: by the difference less than 1, and a rule that changes greys by more than their share "
        "may get more. Intervals: jackknife over pictures, 95 %."
    )
    columns = (*WHERE, Column("map", "map"), RULE, *figures)
    return Table("adherence", "Correlation and distance adherence", columns, note=note)


def _trend_table() -> Table:
    columns = (
        *WHERE,
        RULE,
        Column("reliability", "reliability", "up", 3),
        Column("quotient", "as a quotient", "up", 3),
        Column("together", "of the mean trend", "up", 3),
    )
    note = (
        "Of single pictures, by CIELAB distance: the L2 norm of every column's change minus the full edit's, and its "
        "correlation with the column's number. As a quotient: divided by the full edit's instead."
    )
    return Table("trend", "Trend reconstruction on the gradient: reliability score", columns, note=note)


def _identification_table() -> Table:
    columns = (*WHERE, RULE, *(Column(f"told_{distance}", f"right, %, {distance}", "up", 1) for distance in DISTANCES))
    note = "Percent of single edits whose map is recognised by its change alone: the highest correlation. Chance: 33 %."
    return Table("identification", "Which of the three maps made this edit?", columns, note=note)


def _adhered(changes: Changes, full: Changes, change_map: NDArray[np.uint16]) -> dict[str, Figure]:
    row = {}
    for distance, change in changes.items():
        for name, figure in adhered(change, full[distance], change_map)._asdict().items():
            row[f"{name}_{distance}"] = figure
    return row


def _trend(changes: NDArray[np.float32], full: NDArray[np.float32]) -> dict[str, Figure]:
    single = measures.normalised_trend(changes, full)
    return {
        "reliability": Figure.mean(measures.reliability(single), -1, 1),
        "quotient": Figure.mean(measures.reliability(measures.trend_quotient(changes, full)), -1, 1),
        "together": Figure(float(measures.reliability(single.mean(axis=0, keepdims=True))[0])),
    }


def _line(name: str, changes: NDArray[np.float32], full: NDArray[np.float32]) -> Line:
    trends = measures.normalised_trend(changes, full)
    return mean_line(name, [float(column) for column in range(trends.shape[1])], trends)


def _identified(found: dict[str, Looked], maps: dict[str, NDArray[np.uint16]]) -> dict[str, Figure]:
    candidates = np.stack([maps[name] for name in found])
    row = {}
    for distance in DISTANCES:
        each = [changes[distance] for _, changes in found.values()]
        made_by = np.repeat(np.arange(len(each)), [len(one) for one in each])
        confusion = measures.identification(np.concatenate(each), made_by, candidates).confusion
        row[f"told_{distance}"] = Figure.share(int(np.trace(confusion)), int(confusion.sum()), len(each[0]))
    return row


def _row(found: dict[str, Looked], full: Changes) -> list[NDArray[np.uint8]]:
    """What changed on average under each map, and the first picture that came out."""
    edited = [measures.edit_map(changes["lab"], full["lab"]) for _, changes in found.values()]
    return [*(_grey(one) for one in edited), *(picture for picture, _ in found.values())]


def _grey(values: NDArray[np.float64] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """From its least to its most, as a grey picture uint8 [h, w, 3]."""
    spread = values.astype(np.float64) - values.min()
    shown = np.rint(255 * spread / max(float(spread.max()), 1e-9)).astype(np.uint8)
    return np.repeat(shown[..., None], 3, axis=2)
