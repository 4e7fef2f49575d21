"""Is what the map leaves black left alone? Bytes of the product's own results, and latents of the published rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sfumato_wire.geometry import Box
from sfumato_wire.request import Pixels, Request, digest_of

from sfumato.composite import flatten
from sfumato.edits import EDITS
from sfumato.evaluation.bench import Bench, Pictures
from sfumato.evaluation.cases import Case, cases
from sfumato.evaluation.distances import lab
from sfumato.evaluation.experiments.contenders import contenders
from sfumato.evaluation.kept import changed_bytes
from sfumato.evaluation.maps import triangle
from sfumato.evaluation.results import Column, Figure, Result, Table
from sfumato.evaluation.sizes import Size

ROUNDING = 1e-4  # of latents whose spread is 1


def kept(bench: Bench, size: Size, seed: int) -> Result:
    """Tables `bytes` and `kept`."""
    some = cases(seed, size.kept_cases)
    pictures = "1 picture" if len(some) == 1 else f"{len(some)} pictures"
    says = f"{pictures}, {size.kept_steps} steps, the triangle: all greys, and black around it."
    return Result(
        "Is what the map leaves black left alone?", says, [_bytes(bench, some, size), _cells(bench, some, size)]
    )


def _bytes(bench: Bench, some: Sequence[Case], size: Size) -> Table:
    columns = (
        Column("edit", "edit"),
        Column("composite", "composite"),
        Column("kept", "bytes under black", digits=0),
        Column("changed", "of which changed", "down", 0),
        Column("elsewhere", "bytes changed elsewhere, %", digits=0),
    )
    side = bench.model.info.native
    note = (
        f"Whole requests through the studio, pictures of {side} pixels: the layer that comes back, laid on the canvas."
    )
    table = Table("bytes", "Bytes changed where the map is black", columns, note=note)
    values = triangle(side)
    canvases = np.stack([np.dstack([case.picture(side), np.full((side, side), 255, np.uint8)]) for case in some])
    black = values == 0
    for edit in EDITS:
        for composite in size.composites:
            bench.say(f"bytes kept: {edit}, {composite}")
            pairs = zip(some, canvases, strict=True)
            results = np.stack(
                [_applied(bench, edit, composite, case, canvas, values, size.kept_steps) for case, canvas in pairs]
            )
            painted = changed_bytes(results, canvases, ~black) / (4 * int((~black).sum()) * len(some))
            table.rows.append(
                {
                    "edit": edit,
                    "composite": composite,
                    "kept": 4 * int(black.sum()) * len(some),
                    "changed": changed_bytes(results, canvases, black),
                    "elsewhere": 100 * painted,
                }
            )
    return table


def _applied(
    bench: Bench,
    edit: str,
    composite: str,
    case: Case,
    canvas: NDArray[np.uint8],
    values: NDArray[np.uint16],
    steps: int,
) -> Pictures:
    """The canvas with the layer on it, RGBA."""
    side = len(canvas)
    data, grey = canvas.tobytes(), values.astype("<u2").tobytes()
    request = Request(
        model=bench.model.info.id,
        edit=edit,
        prompt=case.prompt,
        source_prompt=case.source_prompt,
        seed=case.seed,
        steps=steps,
        guidance_scale=bench.guidance,
        width=side,
        height=side,
        canvas=Pixels(0, 0, side, side, "rgba8", digest_of(data)),
        change_map=Pixels(0, 0, side, side, "gray16", digest_of(grey)),
        settings={"composite": composite},
    )
    finished = bench.studio.run(request, data, grey)
    if finished.layer is None:
        return canvas
    box: Box = finished.layer.box
    painted = np.frombuffer(finished.data, np.uint8).reshape(box.height, box.width, 4)
    return flatten(canvas, painted, box.x, box.y)


def _cells(bench: Bench, some: Sequence[Case], size: Size) -> Table:
    columns = (
        Column("rule", "rule"),
        Column("cells", "black latent cells changed by more than rounding, %", "down", 1),
        Column("latents", "by at most", "down", 6),
        Column("pixels", "CIELAB under black, decoded", "down", 2),
    )
    note = (
        f"Rounding: up to {ROUNDING:g}, which no picture shows. Before any compositing, of which some programs do more "
        "or less. A decoder sees a cell's neighbours, so pixels under black change a little even where no black cell "
        "does."
    )
    table = Table("kept", "What rules do to black", columns, note=note)
    values = triangle(bench.side)
    before, alone = bench.latents(some), bench.roundtrips(some)
    black = bench.change_map(values).cells(*before.shape[-2:]) == 0
    for one in contenders(bench, size.contenders):
        bench.say(f"cells kept: {one.key}")
        after = bench.edit(one.make, values, some, size.kept_steps)
        off = np.asarray((after - before).abs().amax(dim=1).float().cpu())[:, black]
        row: dict[str, Any] = {
            "rule": one.key,
            "cells": 100 * float((off > ROUNDING).mean()),
            "latents": float(off.max()),
        }
        far = lab(bench.decode(after), alone)[:, values == 0].mean(axis=1, dtype=float)
        table.rows.append(row | {"pixels": Figure.mean(far)})
    return table
