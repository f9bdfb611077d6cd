"""Signs by content: other content, other signs; cells and limits that only the key tells."""

from __future__ import annotations

import numpy as np
import pytest

from mitsgan.mark.content import LAYOUTS, STEP_HU, ContentSigns

SHAPE, SPACING = (98, 90), (2.5, 1.0, 1.0)
SIZE = (25, 23)
"""Blocks of 4 voxels, the last ones beyond the slice; cells have two along each side."""

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def content() -> ContentSigns:
    return ContentSigns(SECRET, SHAPE, SPACING)


def _flat(hu: float) -> np.ndarray:
    return np.full(SIZE, hu, np.float32)


def test_known_signs(content: ContentSigns) -> None:
    """Held for good: a change would make every mark that was ever made unreadable."""
    assert [content.layout_of(position) for position in range(0, 2000, 250)] == [
        2,
        1,
        1,
        1,
        3,
        0,
        0,
        3,
    ]
    numbers = content.look(_flat(30), 0).numbers
    assert numbers[0, :8].tolist() == [0, 1, 0, 1, 1, 1, 1, 1]
    signs = content.signs(numbers, 0, SIZE)
    assert signs[0, :12].astype(int).tolist() == [1, 1, -1, 1, 1, -1, -1, -1, -1, 1, -1, 1]


def test_only_cells_of_another_content_get_other_signs(content: ContentSigns) -> None:
    before, after = _flat(-850), _flat(-850)
    after[10:14, 8:12] += STEP_HU
    for layout in range(LAYOUTS):
        drawn = [
            content.signs(content.look(means, layout).numbers, layout, SIZE)
            for means in (before, after)
        ]
        other = drawn[0] != drawn[1]
        assert set(np.unique(drawn[0])) == {-1, 1}
        assert 0.2 < other[20:28, 16:24].mean() < 0.8
        other[18:30, 14:26] = False  # cells may reach over the change by a block
        assert not other.any()


def test_a_part_of_a_slice_has_the_signs_of_the_whole(content: ContentSigns) -> None:
    means = np.random.default_rng(0).normal(-500, 400, SIZE).astype(np.float32)
    part = np.s_[3:20, 5:22]
    for layout in range(LAYOUTS):
        whole = content.look(means, layout)
        cut = content.look(means[part], layout, (3, 5))
        inside = content.spread(content.whole(layout, (17, 17), (3, 5)), layout, (17, 17), (3, 5))
        expected = content.spread(whole.above, layout, SIZE)[part]
        above = content.spread(cut.above, layout, (17, 17), (3, 5))
        np.testing.assert_allclose(above[inside], expected[inside], atol=1e-3)
        assert inside[1:-1, 1:-1].all()
        assert content.whole(layout, SIZE).all()
        signs = content.signs(whole.numbers, layout, SIZE)[6:40, 10:44]
        units = np.repeat(np.repeat(inside, 2, 0), 2, 1)
        np.testing.assert_array_equal(
            content.signs(cut.numbers, layout, (17, 17), (3, 5))[units], signs[units]
        )


def test_steps_are_told_from_means(content: ContentSigns) -> None:
    for hu in (-1024.0, -12.3, 1500.0):
        steps = content.look(_flat(hu), 1)
        limits = (steps.numbers * STEP_HU + steps.above) - hu
        assert (limits > -0.01).all()
        assert (limits < STEP_HU).all()
        assert limits.std() > 10, "the limits of each cell are its own"


def test_an_edge_along_its_border_makes_a_cell_steep(content: ContentSigns) -> None:
    means = _flat(0)
    assert not content.steepness(means, 1).any()
    means[:, means.shape[1] // 2 :] += 800
    steep = content.steepness(means, 1)
    assert steep.max() > 200
    assert np.count_nonzero(steep.max(0)) <= 2, "on either side of the edge"
    slope = np.broadcast_to(np.arange(means.shape[1], dtype=np.float32) * 50, means.shape)
    assert content.steepness(slope, 1)[:, 1:-1].max() < 1, "blur moves no mean on a slope"


def test_where_cells_and_limits_lie_only_the_key_tells(content: ContentSigns) -> None:
    other = ContentSigns(bytes(32), SHAPE, SPACING)
    steps = [each.look(_flat(0), layout).above for each in (content, other) for layout in (0, 1)]
    for k, one in enumerate(steps):
        for another in steps[:k]:
            rows, columns = (min(a, b) for a, b in zip(one.shape, another.shape, strict=True))
            assert np.abs(one[:rows, :columns] - another[:rows, :columns]).mean() > 5
    layouts = np.bincount([content.layout_of(p) for p in range(-5000, 5000, 25)])
    assert len(layouts) == LAYOUTS
    assert layouts.min() > 60
    even, size = (96, 88), (24, 22)
    shifted = [
        ContentSigns(bytes([key] * 32), even, SPACING).look(np.zeros(size, np.float32), 0).numbers
        for key in range(8)
    ]
    assert len({numbers.shape for numbers in shifted}) > 1, "cells of two blocks start on either"


def test_cells_of_fine_pixels_have_more_units_than_a_block_of_the_cipher() -> None:
    fine = ContentSigns(SECRET, (512, 512), (1.0, 0.3, 0.3))
    signs = fine.signs(fine.look(np.zeros((128, 128), np.float32), 0).numbers, 0, (128, 128))
    assert signs.shape == (256, 256)
    cell = signs[14:28, 14:28].ravel()
    assert abs(cell.mean()) < 0.3
    assert abs((cell[:64] * cell[128:192]).mean()) < 0.5
