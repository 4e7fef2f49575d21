"""Brightness through curves: exact where it can be, and together nothing is left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from krita_sfumato import curves, pixels, sentences
from krita_sfumato.vendor.sfumato_wire.levels import FULL

GREYS = bytes(range(256))
CONTRAST = curves.table("contrast")


def preset(name: str) -> np.ndarray:
    return np.frombuffer(curves.table(name), np.uint8).astype(int)


def test_every_preset_has_its_words() -> None:
    assert set(curves.PRESETS) == set(sentences.BRIGHTNESS) == set(sentences.MAP_MENU_PRESETS)
    assert set(curves.PRESETS) == set(sentences.TIP_MAP_MENU_PRESETS)


@pytest.mark.parametrize("name", curves.PRESETS)
def test_a_preset_goes_one_way_or_is_its_own_mirror(name: str) -> None:
    values = preset(name)
    assert len(values) == FULL + 1
    steps = np.diff(values)
    if name == "midtones":
        assert np.abs(values - values[::-1]).max() == 0
        assert (values[0], values[FULL // 2], values[FULL]) == (0, 255, 0)
    else:
        assert (steps >= 0).all() or (steps <= 0).all()
        assert {values[0], values[FULL]} == {0, 255}
    assert len(np.unique(values)) == 256, "no grey is left out, so nothing bands"


def test_8_bit_greys_are_exact() -> None:
    assert curves.table("straight")[::257] == GREYS
    assert curves.table("inverted")[::257] == GREYS[::-1]


def test_lights_midtones_and_darks_reach_everything_once() -> None:
    together = preset("lights") + preset("midtones") + preset("darks")
    assert np.abs(together - 255).max() <= 1, "each is rounded"
    assert (preset("lights")[: FULL // 2] == 0).all()
    assert (preset("darks")[FULL // 2 + 1 :] == 0).all()


def test_the_darks_are_an_inverted_layers_lights() -> None:
    assert (preset("lights")[::-1] == preset("darks")).all()
    assert (preset("inverted")[::-1] == preset("straight")).all()


@given(st.lists(st.tuples(st.integers(0, FULL), st.integers(0, FULL)), min_size=1, max_size=20))
def test_16_bit_greys_through_a_table(case: list[tuple[int, int]]) -> None:
    band = np.array(case, "<u2")
    data, is_some = curves.through([band.tobytes()], "graya16", CONTRAST)
    out = np.frombuffer(data, np.uint8).reshape(-1, 4)
    alpha = band[:, 1] >> 8
    expected = np.where(alpha > 0, np.frombuffer(CONTRAST, np.uint8)[band[:, 0]], 0)
    assert (out[:, 3] == alpha).all()
    assert (out[:, :3] == expected[:, None]).all()
    assert is_some == bool(expected.any())


def test_8_bit_greys_and_masks_go_the_short_way_to_the_same_end() -> None:
    table = curves.table("midtones")
    alpha = bytes([255]) * 256
    wide, _ = curves.through([pixels.graya16(GREYS, alpha)], "graya16", table)
    mask, _ = curves.through([GREYS[:100], GREYS[100:]], "gray8", table)
    assert wide == mask == curves.bgra(bytes(table[257 * v] for v in range(256)))


def test_what_is_transparent_is_nothing_even_inverted() -> None:
    band = pixels.graya16(bytes([0, 0]), bytes([0, 255]))
    assert curves.through([band], "graya16", curves.table("inverted")) == (bytes(4) + bytes([255] * 4), True)
    assert not curves.through([band[:4]], "graya16", curves.table("inverted"))[1]


def test_a_selection_stays_as_it_is() -> None:
    data, is_some = curves.opaque([GREYS[:7], GREYS[7:]])
    assert is_some
    assert data == b"".join(bytes([v, v, v, 255]) for v in GREYS)
    assert not curves.opaque([bytes(9)])[1]
