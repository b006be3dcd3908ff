"""The page of graded eyes."""

import numpy as np

from fed.report.eyes import HEAT, STRONGEST, GradedEye, heated, write_eyes


def test_a_picture_is_coloured_in_proportion_to_what_is_above_zero():
    picture = np.full((2, 2), 100, dtype=np.uint8)
    found = heated(picture, np.array([[4.0, 2.0], [0.0, -4.0]]))
    np.testing.assert_allclose(found[0, 0], (1 - STRONGEST) * 100 + STRONGEST * HEAT, atol=0.5)
    half = STRONGEST / 2
    np.testing.assert_allclose(found[0, 1], (1 - half) * 100 + half * HEAT, atol=0.5)
    assert (found[1] == 100).all()


def test_nothing_is_coloured_where_nothing_speaks_for_the_grade():
    picture = np.full((2, 2, 3), 7, dtype=np.uint8)
    np.testing.assert_array_equal(heated(picture, np.full((2, 2), -1.0)), picture)


def test_the_page_shows_each_eye_with_its_figures_and_escapes_what_others_wrote(tmp_path):
    volume = np.zeros((4, 16, 16), dtype=np.uint8)
    places = np.zeros((4, 16, 16))
    places[2, 3, 3] = 1.0
    eyes = [
        GradedEye("<b>1", "ill", (0.125, 0.875), None, volume, None, places, ("Doubtful: x",)),
        GradedEye("2", "healthy", (0.75, 0.25), np.zeros((3, 16, 16), np.uint8), None, None, None),
    ]
    path = write_eyes(tmp_path / "eyes.html", eyes, 10, ("healthy", "ill"), "a model")
    page = path.read_text()
    assert page.index("&lt;b&gt;1: ill") < page.index("2: healthy")
    assert "<b>1" not in page
    assert "healthy 12.5 %, ill 87.5 %" in page
    assert "OCT, slice 3 of 4" in page
    assert "Doubtful: x" in page
    assert "2 eyes of 10" in page
    assert page.count("<img") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
