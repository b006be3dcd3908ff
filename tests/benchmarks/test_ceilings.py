"""Ceilings on problems whose answer is known, and the page that cites them."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import ceilings
from benchmarks.ceilings import Eyes, Row

ROOT = Path(__file__).parents[2]


def eyes(photograph, volume, labels):
    return Eyes(photograph.reshape(-1, 1), volume.reshape(-1, 1), labels)


def scored(make):
    random = np.random.default_rng(0)
    rows = list(ceilings._combined("grade", "true", make(random), make(random)))
    return {row.by: row for row in rows}


def test_where_the_modalities_interact_only_the_joint_model_can_tell():
    """The grade is the parity of two coins; each alone says nothing of it, nor do their experts."""

    def parity(random):
        first, second = random.integers(2, size=(2, 2000))
        grade = 2 * (first ^ second) + random.integers(2, size=2000)
        return eyes(first.astype(float), second.astype(float), grade)

    found = scored(parity)
    assert found["photograph"].auc == pytest.approx(50, abs=5)
    assert found["product"].auc == pytest.approx(50, abs=6)
    assert found["joint"].auc == pytest.approx(100 * 5 / 6, abs=3)
    difference = found["joint - product"]
    assert difference.low > 20
    assert difference.auc == pytest.approx(found["joint"].auc - found["product"].auc, abs=0.02)


def test_where_they_are_independent_within_a_grade_the_product_is_as_good():
    def independent(random):
        grade = random.integers(4, size=3000)
        noise = random.standard_normal((2, 3000))
        return eyes(grade + noise[0], grade + noise[1], grade)

    found = scored(independent)
    assert found["product"].auc > found["photograph"].auc + 3
    assert abs(found["joint - product"].auc) < 1.5


def test_thumbnails_are_means_of_blocks():
    image = np.arange(3 * 64 * 64, dtype=np.uint8).reshape(1, 3, 64, 64)
    small = ceilings._shrunk(image, (3, 8, 8)).reshape(3, 8, 8)
    assert small[1, 2, 3] == image[0, 1, 16:24, 24:32].mean()
    volume = np.random.default_rng(0).integers(0, 255, (1, 16, 32, 32), dtype=np.uint8)
    thumbnail = ceilings._shrunk(volume, (4, 8, 8)).reshape(4, 8, 8)
    assert thumbnail[3, 0, 7] == pytest.approx(volume[0, 12:16, 0:4, 28:32].mean())


def test_six_colour_numbers_are_means_and_deviations():
    flat = np.stack([np.full((4, 4), value, np.uint8) for value in (10, 20, 30)])[None]
    np.testing.assert_array_equal(ceilings._colours(flat), [[10, 20, 30, 0, 0, 0]])


def test_a_stored_table_reads_as_the_page_cites_it(tmp_path):
    rows = [
        Row(graded, "true", by, auc, 70.0, low, high)
        for graded in ceilings.DISEASES
        for by, auc, low, high in (("joint", 90.04, None, None), ("joint - product", 1.26, 0.5, 2))
    ]
    ceilings.write(rows, tmp_path / "table.csv")
    table = ceilings.page(tmp_path / "table.csv").splitlines()
    assert table[2] == "| true | joint | 90.0 / 70.0 | 90.0 / 70.0 | 90.0 / 70.0 |"
    assert table[3].split(" | ")[2] == "1.3 [0.5, 2.0] / 70.0"


def test_the_page_cites_the_stored_table():
    page = (ROOT / "docs/phantom.md").read_text(encoding="utf-8")
    assert ceilings.page(ROOT / "results/ceilings.csv") in page
