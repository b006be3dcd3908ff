"""`fedrima` where encoders are frozen: heads in closed form, and a fusion that corrects them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fed.storage import read_tensors
from tests.acceptance.federations import group, run, tiny


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder, random = tmp_path_factory.mktemp("eyes"), np.random.default_rng(0)
    rows = ["case_id,fundus,oct,grade"]
    for number in range(60):
        for name, shape in (("f", (16, 16, 3)), ("o", (16, 16))):
            picture = random.integers(60 * (number % 2), 180, shape, dtype=np.uint8)
            Image.fromarray(picture).save(folder / f"{number}{name}.png")
        rows.append(f"{number},{number}f.png,{number}o.png,{number % 2}")
    (folder / "manifest.csv").write_text("\n".join(rows))
    data = {"source": "manifest", "path": str(folder / "manifest.csv"), "label": "grade"}
    sites = [
        group("hospital", ["fundus", "oct"], cases=0.3),
        group("clinic", ["fundus"], cases=0.2),
        group("imaging", ["oct"], cases=0.2),
        group("unseen", ["fundus", "oct"], cases=0.3, role="held_out"),
    ]
    return tiny(
        task={"classes": ["none", "ill"]},
        data=data | {"image_size": 16, "volume_size": [1, 16, 16]},
        model={"frozen": {"fundus": {"encoder": "own"}, "oct": {"encoder": "own"}}},
        sites=sites,
        training={"rounds": 3},
        engine={"name": "inline"},
    )


def test_its_heads_are_those_of_the_closed_form_and_the_fusion_learns(
    federation: dict[str, Any], tmp_path: Path
) -> None:
    weights = {}
    for method in ("fedrima", "analytic"):
        (tmp_path / method).mkdir()
        results = run(tmp_path / method, federation | {"method": method})
        assert results["method"] == method
        assert results["rounds_completed"] == (3 if method == "fedrima" else 1)
        weights[method] = dict(read_tensors(tmp_path / method / "run" / "model.safetensors"))
    heads = [name for name in weights["analytic"] if "_head" in name]
    assert heads
    for name in heads:
        np.testing.assert_array_equal(weights["fedrima"][name], weights["analytic"][name])
    classifier = (found["classifier.weight"] for found in weights.values())
    assert np.any(next(classifier) != next(classifier))
