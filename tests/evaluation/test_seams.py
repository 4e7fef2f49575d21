"""Seam energy: by hand where the edge is straight; a pasted line is found, and texture, objects, slopes are not."""

from __future__ import annotations

import numpy as np
import pytest
from sfumato.change_map import M, soften
from sfumato.errors import InputError
from sfumato.evaluation import maps
from sfumato.evaluation.distances import to_lab
from sfumato.evaluation.seams import Seam, crossfade, seam, seam_energy

SIDE, COUNT = 96, 8
UPRIGHT = np.zeros((40, 60), np.uint16)
UPRIGHT[:, 30:] = M


def grey(values: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, 3]"""
    return np.repeat(np.clip(np.rint(values), 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def scenes(seed: int, brightness: float, roughness: float) -> np.ndarray:
    """Slopes, texture and a few hard-edged discs and boxes, anew in each of COUNT pictures."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE))
    pictures = []
    for _ in range(COUNT):
        colour = brightness + 40 * np.sin((x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1)) / 30)[..., None]
        colour = colour + rng.uniform(-20, 20, 3)
        for _ in range(6):
            at, size = rng.uniform(0, SIDE, 2), rng.uniform(5, 20)
            across, down = np.abs(x - at[0]), np.abs(y - at[1])
            inside = np.hypot(across, down) < size if rng.random() < 0.5 else np.maximum(across, down) < size
            colour = np.where(inside[..., None], brightness + rng.uniform(-50, 50, 3), colour)
        pictures.append(colour + roughness * rng.standard_normal((SIDE, SIDE, 1)))
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)


BEFORE, AFTER = scenes(0, 110, 6), scenes(1, 145, 10)


def blended(share: np.ndarray) -> np.ndarray:
    share = share[None, ..., None]
    return np.rint(BEFORE * (1 - share) + AFTER * share).astype(np.uint8)


def softened(picture: np.ndarray) -> np.ndarray:
    """Each pixel the mean of 3 x 3, float64 [h, w, 3]."""
    padded = np.pad(picture.astype(float), ((1, 1), (1, 1), (0, 0)), "edge")
    return np.mean([padded[i : i + SIDE, j : j + SIDE] for i in range(3) for j in range(3)], axis=0)


def marked(pictures: np.ndarray, brighter: float) -> np.ndarray:
    """A ring where the discs of `maps` have their edge."""
    y, x = np.indices((SIDE, SIDE)) + 0.5
    ring = np.abs(np.hypot(x - SIDE / 2, y - SIDE / 2) - 0.3 * SIDE) < 1.5
    return np.clip(pictures + brighter * ring[..., None], 0, 255).astype(np.uint8)


def measured(edited: np.ndarray, change_map: np.ndarray) -> Seam:
    every = (edited, BEFORE, crossfade(BEFORE, AFTER, change_map))
    return seam(*(seam_energy(pictures, change_map) for pictures in every))


class TestByHand:
    def test_a_step_at_an_upright_edge(self) -> None:
        pictures = grey(np.where(UPRIGHT > 0, 160, 100)[None])
        jump = np.diff(to_lab(pictures[0, 0, [0, -1]]), axis=0)[0]
        # Within 3 columns of the step its bend is the whole jump, elsewhere 0; each column has the map's slope there.
        weight = np.gradient(soften(UPRIGHT, 8)[0].astype(float))
        share = weight[27:33].sum() / weight.sum()
        along, across = seam_energy(pictures, UPRIGHT)[0]
        assert along == pytest.approx(share * (jump**2).sum(), rel=1e-3)
        assert across == pytest.approx(0, abs=1e-6)
        lying = seam_energy(pictures.transpose(0, 2, 1, 3), UPRIGHT.T.copy())[0]
        assert lying == pytest.approx((along, across), rel=1e-3, abs=1e-6)

    def test_what_crosses_the_edge_is_no_seam(self) -> None:
        rows = 50 * (np.arange(40)[:, None] // 7 % 2) + np.zeros((40, 60))
        along, across = seam_energy(grey(rows[None]), UPRIGHT)[0]
        assert along == pytest.approx(0, abs=1e-6)
        assert across > 100

    def test_a_slope_is_no_seam(self) -> None:
        slope = 2 * np.arange(60) + 60 + np.zeros((40, 1))
        step = slope + np.where(UPRIGHT > 0, 8, 0)
        along, stepped = (seam_energy(grey(each[None]), UPRIGHT)[0, 0] for each in (slope, step))
        assert along < 0.02 * stepped

    def test_of_noise_a_seventeenth_is_left(self) -> None:
        noise = grey(128 + 8 * np.random.default_rng(0).standard_normal((40, 200, 60)))
        # A bend is 1, 1 and -2 of independent pixels. A line of pixel k from the border ends there: 8 + min(8, k) + 1.
        lengths = 9 + np.minimum(8, np.minimum(np.arange(200), np.arange(200)[::-1]))
        expected = 6 * to_lab(noise)[..., 0].var() * (1 / lengths).mean()
        edge = np.tile(UPRIGHT, (5, 1))
        along, across = seam_energy(noise, edge).mean(axis=0)
        assert along == pytest.approx(expected, rel=0.05)
        assert across == pytest.approx(6 * to_lab(noise)[..., 0].var() / 17, rel=0.05)  # none of these ends

    def test_every_direction_counts_alike(self) -> None:
        edge = np.zeros((60, 60), np.uint16)
        edge[:, 30:] = M
        pictures = grey(np.random.default_rng(0).uniform(0, 255, (40, 60, 60)))
        upright = pytest.approx(seam_energy(pictures, edge).sum(axis=0), rel=0.05)
        assert seam_energy(pictures.transpose(0, 2, 1, 3), edge.T.copy()).sum(axis=0) == upright
        assert seam_energy(pictures[:, :, ::-1], edge[:, ::-1].copy()).sum(axis=0) == upright
        assert seam_energy(pictures[:, ::-1], edge[::-1].copy()).sum(axis=0) == upright

    def test_a_line_is_followed_round_a_curve(self) -> None:
        """A ring along a disc's edge is seen as clearly as a stripe along a straight edge."""
        y, x = np.indices((SIDE, SIDE)) + 0.5
        radius = np.hypot(x - SIDE / 2, y - SIDE / 2) - 0.3 * SIDE
        ring = grey(128 + 40 * np.exp(-np.square(radius / 2))[None])
        straight = np.zeros((SIDE, SIDE), np.uint16)
        straight[:, 48:] = M
        stripe = grey(128 + 40 * np.exp(-np.square((x - 48) / 2))[None])
        round_, along = seam_energy(ring, maps.hard_edge(SIDE))[0], seam_energy(stripe, straight)[0]
        assert round_[0] == pytest.approx(along[0], rel=0.15)
        assert round_[1] < 0.1 * round_[0]


class TestRatios:
    def test_nothing_done_is_one(self) -> None:
        for edge in (maps.hard_edge(SIDE), maps.soft_edge(SIDE)):
            energy = seam_energy(BEFORE, edge)
            assert seam(energy, energy, seam_energy(crossfade(BEFORE, BEFORE, edge), edge)) == (1, 1)

    @pytest.mark.parametrize("name", ["soft_edge", "gradient"])
    def test_a_smooth_blend_has_no_seam_though_all_its_content_differs(self, name: str) -> None:
        drawn = getattr(maps, name)(SIDE)
        assert measured(blended(drawn / M), drawn).crossfade == pytest.approx(1, abs=0.05)

    @pytest.mark.parametrize("name", ["soft_edge", "hard_edge"])
    def test_a_faint_ring_is_found(self, name: str) -> None:
        """Three pixels wide and ten levels of 255 brighter: faint, and a painter sees it."""
        drawn = getattr(maps, name)(SIDE)
        found = measured(marked(crossfade(BEFORE, AFTER, drawn), 10), drawn).crossfade
        assert found > 1.05

    def test_what_is_softer_has_no_less_of_a_seam(self) -> None:
        """Everything blurred and a ring that shows: less energy than before, and more of it along the edge."""
        soft = np.stack([softened(picture) for picture in BEFORE]).astype(np.uint8)
        found, plain = (measured(pictures, maps.hard_edge(SIDE)) for pictures in (marked(soft, 6), soft))
        assert found.unedited < 1
        assert found.crossfade > 1.15 * plain.crossfade

    @pytest.mark.parametrize("name", ["soft_edge", "hard_edge"])
    def test_a_pasted_line_is_found(self, name: str) -> None:
        drawn = getattr(maps, name)(SIDE)
        pasted = measured(blended((drawn > M / 2).astype(float)), drawn)
        assert min(pasted) > 1.5
        # Also one that a decoder has blurred over a few pixels, and one that is made of latent cells.
        blurred = blended(soften(np.where(drawn > M / 2, M, 0).astype(np.uint16), 3) / M)
        cells = np.kron(drawn[4::8, 4::8] > M / 2, np.ones((8, 8)))
        assert measured(blurred, drawn).crossfade > 1.15
        assert measured(blended(cells), drawn).crossfade > 1.2

    def test_a_wider_blend_shows_less(self) -> None:
        drawn = maps.hard_edge(SIDE)
        found = [measured(blended(soften(drawn, radius) / M), drawn).crossfade for radius in (0, 2, 4, 8, 16)]
        assert found == sorted(found, reverse=True)
        assert found[0] > 2
        assert found[-1] < 1

    def test_bands_show_in_a_slope(self) -> None:
        drawn = maps.soft_edge(SIDE)
        bands = blended(np.floor(drawn / M * 4) / 4)
        assert measured(bands, drawn).crossfade > 1.15 * measured(blended(drawn / M), drawn).crossfade

    def test_rows_may_be_drawn_anew(self) -> None:
        drawn = maps.soft_edge(SIDE)
        edited, before, full = (seam_energy(p, drawn) for p in (blended(drawn / M), BEFORE, AFTER))
        assert np.array_equal(seam_energy(BEFORE[3:5], drawn), before[3:5])
        picks = np.array([0, 0, 5])
        again = seam(edited[picks], before[picks], full[picks])
        assert again.unedited == pytest.approx(edited[picks, 0].sum() / before[picks, 0].sum())
        along, across = edited[picks].sum(axis=0) / full[picks].sum(axis=0)
        assert again.crossfade == pytest.approx(along / across)

    def test_where_there_was_no_line(self) -> None:
        still, line = grey(np.full((1, 40, 60), 90)), grey(np.where(UPRIGHT > 0, 160, 100)[None])
        nothing, some = seam_energy(still, UPRIGHT), seam_energy(line, UPRIGHT)
        assert nothing.sum() == 0
        assert seam(some, nothing, nothing).unedited == np.inf
        assert np.isnan(seam(nothing, nothing, nothing)).all()


def test_what_has_no_edge_gets_a_sentence() -> None:
    pictures = np.zeros((1, 40, 60, 3), np.uint8)
    with pytest.raises(InputError, match="no edge along which"):
        seam_energy(pictures, np.full((40, 60), M, np.uint16))
    with pytest.raises(InputError, match=r"size \(40, 60\); this one is uint16 \(1, 1\)"):
        seam_energy(pictures, np.full((1, 1), M, np.uint16))
    with pytest.raises(InputError, match="too small to show a seam"):
        seam_energy(pictures[:, :3], UPRIGHT[:3])
    with pytest.raises(InputError, match="Pictures to compare are uint8"):
        seam_energy(pictures[0], UPRIGHT)
