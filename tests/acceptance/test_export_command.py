"""`fedrima export`: the file and the model card of a finished run."""

import hashlib

import pytest
import torch

import fedrima as face
from tests.acceptance.eyes import fedrima
from tests.acceptance.federations import run, tiny


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run(folder, tiny())
    return folder / "run"


def test_the_file_lies_in_the_run_and_its_card_has_the_figures_of_the_results(finished):
    done = fedrima("export", finished, "--to", "torchscript")
    assert done.exit_code == 0, done.stderr
    random = torch.rand(5, 3, 32, 32)
    yes = torch.ones(5, dtype=torch.bool)
    found = torch.jit.load(str(finished / "model.pt"))(random, torch.zeros(5, 4, 32, 32), yes, ~yes)
    loaded = face.load(finished)
    expected = torch.from_numpy(loaded.model.predict(fundus=random).probabilities)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)

    card = (finished / "model-card.md").read_text()
    digest = hashlib.sha256((finished / "model.safetensors").read_bytes()).hexdigest()
    assert digest in card
    assert "synthetic (phantoms)" in card
    for condition in ("both", "fundus", "oct"):
        for metric in ("auc", "qwk", "ece", "brier"):
            estimate = loaded.results.pooled(condition, metric)
            assert f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})" in card
    for site in loaded.results.sites:
        assert f"| {site.name} | {site.role.replace('_', ' ')} |" in card
    for warning in loaded.results.warnings:
        assert warning in card
    assert f"torch {torch.__version__}" in card


def test_a_form_or_a_run_that_is_not_there_is_refused_in_one_line(finished, tmp_path):
    done = fedrima("export", finished, "--to", "onxx")
    assert done.exit_code == 2
    assert "did you mean 'onnx'" in done.stderr
    done = fedrima("export", tmp_path, "--to", "onnx")
    assert done.exit_code == 2
    assert "results.json" in done.stderr
    damaged = tmp_path / "model.safetensors"
    for name in ("results.json", "config.yaml", "model.json"):
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    damaged.write_bytes(b"no weights")
    done = fedrima("export", tmp_path, "--to", "torchscript")
    assert done.exit_code == 2
    assert "model.safetensors: damaged" in done.stderr
