"""A model as one file, against the model itself."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from clients.grading import export as exporting
from clients.grading.export import export
from fed.errors import ConfigError, RunError
from tests.clients.grading.models import model


def eyes(number, trained):
    data = trained.config.data
    random = torch.Generator().manual_seed(number)
    size = data.image_size
    return (
        torch.rand(number, 3, size, size, generator=random),
        torch.rand(number, *data.volume_size, generator=random),
    )


def by(path, fundus, oct_, has_fundus, has_oct):
    """Return what the file of either form says."""
    given = (fundus, oct_, torch.tensor(has_fundus), torch.tensor(has_oct))
    if path.suffix == ".pt":
        return torch.jit.load(str(path))(*given).numpy()
    session = onnxruntime.InferenceSession(str(path))
    names = ("fundus", "oct", "has_fundus", "has_oct")
    used = {each.name for each in session.get_inputs()}
    inputs = {n: g.numpy() for n, g in zip(names, given, strict=True) if n in used}
    return session.run(None, inputs)[0]


SETTINGS = {
    "fedrima": (),
    "experts": ("method=experts",),
    "zero_fill": ("method=zero_fill", "model.normalisation=group"),
}


FILES = [
    ("fedrima", "onnx"),
    ("zero_fill", "onnx"),
    ("fedrima", "torchscript"),
    ("experts", "torchscript"),
]


@pytest.fixture(scope="module", params=FILES, ids="-".join)
def exported(request, tmp_path_factory):
    method, form = request.param
    trained = model(*SETTINGS[method])
    path = tmp_path_factory.mktemp("exported") / f"model{exporting.SUFFIX[form]}"
    assert export(trained, form, path).largest_difference <= 1e-5
    return trained, path


@pytest.mark.parametrize("number", [1, 4, 33])
def test_a_file_gives_the_models_numbers_under_each_condition_and_any_batch(exported, number):
    trained, path = exported
    fundus, oct_ = eyes(number, trained)
    yes, no = [True] * number, [False] * number
    expected = trained.predict(fundus=fundus, oct=oct_).probabilities
    np.testing.assert_allclose(by(path, fundus, oct_, yes, yes), expected, atol=1e-5)
    rubbish = torch.full_like(oct_, 0.7)
    expected = trained.predict(fundus=fundus).probabilities
    np.testing.assert_allclose(by(path, fundus, rubbish, yes, no), expected, atol=1e-5)
    expected = trained.predict(oct=oct_).probabilities
    np.testing.assert_allclose(by(path, fundus * 0, oct_, no, yes), expected, atol=1e-5)


def test_eyes_of_one_batch_may_have_what_they_have(exported):
    trained, path = exported
    fundus, oct_ = eyes(3, trained)
    found = by(path, fundus, oct_, [True, True, False], [True, False, True])
    both = trained.predict(fundus=fundus, oct=oct_).probabilities[0]
    np.testing.assert_allclose(found[0], both, atol=1e-5)
    np.testing.assert_allclose(found[1], trained.predict(fundus).probabilities[1], atol=1e-5)
    np.testing.assert_allclose(found[2], trained.predict(oct=oct_).probabilities[2], atol=1e-5)


def test_a_file_says_what_it_is(exported):
    trained, path = exported
    if path.suffix == ".onnx":
        told = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        onnx.checker.check_model(onnx.load(path))
    else:
        told = {"classes": "", "oct": ""}
        torch.jit.load(str(path), _extra_files=told)
    assert tuple(json.loads(told["classes"])) == trained.classes
    assert tuple(json.loads(told["oct"])) == trained.config.data.volume_size


def test_a_file_that_gives_other_numbers_is_not_handed_out(monkeypatch, tmp_path):
    run = exporting._run_ts
    monkeypatch.setattr(exporting, "_run_ts", lambda path: lambda eyes: run(path)(eyes) + 1e-3)
    with pytest.raises(RunError, match="off by 1"):
        export(model(), "torchscript", tmp_path / "model.pt")


def test_local_statistics_cannot_be_in_a_file(tmp_path):
    with pytest.raises(ConfigError, match="statistics of the eyes"):
        export(model("model.normalisation=local"), "onnx", tmp_path / "model.onnx")


def test_the_network_still_grades_after_it_was_exported(exported):
    trained, _ = exported
    fundus, _ = eyes(2, trained)
    assert np.isfinite(trained.predict(fundus=fundus).probabilities).all()
