"""A plate holds every picture as it is, and every caption."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor
from sfumato.evaluation.strips import INK, MOUNT, Row, data_uri, strips

RED, GREEN, BLUE = ((np.eye(3) * 255).astype(np.uint8)[i] for i in range(3))


def plain(colour: np.ndarray, height: int = 40, width: int = 40) -> np.ndarray:
    return np.broadcast_to(colour, (height, width, 3)).copy()


def box(plate: Image.Image, colour: np.ndarray) -> tuple[int, int, int, int]:
    """left, top, right, bottom of all pixels of a colour."""
    rows, columns = np.nonzero((np.asarray(plate) == colour).all(axis=2))
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_pictures_stand_in_rows_and_columns_untouched() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    plate = strips([Row([plain(RED), plain(GREEN)]), Row([noise, plain(BLUE)])], side=40)
    red, green, blue = (box(plate, colour) for colour in (RED, GREEN, BLUE))
    for left, top, right, bottom in (red, green, blue):
        assert (right - left, bottom - top) == (40, 40)
    assert red[1] == green[1]
    assert green[0] == blue[0] > red[2]
    assert blue[1] > red[3]
    assert np.array_equal(np.asarray(plate)[blue[1] : blue[3], red[0] : red[2]], noise)
    assert plate.getpixel((0, 0)) == ImageColor.getrgb(MOUNT)


def test_pictures_of_other_sizes_and_kinds_come_to_one_height() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    plate = strips([Row([ramp, Image.new("RGB", (20, 80), (255, 0, 0))])], side=40)
    left, top, right, bottom = box(plate, RED)
    assert (right - left, bottom - top) == (10, 40)
    grey = np.asarray(plate)[top + 20, left - 8 - 80 : left - 8]
    assert (np.diff(grey[:, 0].astype(int)) >= 0).all()
    assert (grey[0] < 8).all()
    assert (grey[-1] > 247).all()


@pytest.mark.parametrize("where", ["name", "columns", "captions"])
def test_words_are_written_and_move_no_picture_into_another(where: str) -> None:
    words: dict[str, Any] = {"columns": (), "name": "", "captions": ()} | {
        where: "steps" if where == "name" else ("steps", "noise")
    }
    bare = strips([Row([plain(RED), plain(GREEN)])], side=40)
    said = strips([Row([plain(RED), plain(GREEN)], words["name"], words["captions"])], words["columns"], side=40)
    left, top, _, bottom = box(said, RED)
    assert box(said, GREEN)[1::2] == (top, bottom)
    assert said.width * said.height > bare.width * bare.height
    dark = (np.asarray(said) == ImageColor.getrgb(INK)).all(axis=2)
    place = {"name": dark[:, :left], "columns": dark[:top, left:], "captions": dark[bottom:, left:]}
    for name, region in place.items():
        assert region.any() == (name == where)


def test_long_captions_are_broken_between_words() -> None:
    short, long = (strips([Row([plain(RED)], captions=[c])], side=60) for c in ("a map", "a map from black to white"))
    assert long.width == short.width
    assert long.height > short.height
    assert (np.asarray(long)[-2:] == ImageColor.getrgb(MOUNT)).all()


def test_a_plate_is_the_address_of_itself() -> None:
    plate = strips([Row([plain(RED)], "red")])
    kind, data = data_uri(plate).split(",")
    assert kind == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), np.asarray(plate))


def test_what_cannot_be_laid_out_is_refused() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        strips([Row([])])
    with pytest.raises(ValueError, match="1 pictures and 2 captions"):
        strips([Row([plain(RED)], captions=("a", "b"))])
    with pytest.raises(ValueError, match="2 columns named and 1 of pictures"):
        strips([Row([plain(RED)])], ("a", "b"))
    with pytest.raises(ValueError, match="this is float64"):
        strips([Row([np.zeros((4, 4))])])
    with pytest.raises(ValueError, match="no ≥"):
        strips([Row([plain(RED)], "c ≥ 1")])
