"""The two ways whose costs are compared grade the same eyes alike."""

import csv

import numpy as np

import fedrima
from benchmarks import predict
from tests.acceptance.federations import tiny


def test_the_command_and_the_bare_network_answer_alike(tmp_path):
    federation = tiny(training={"rounds": 2, "batch_size": 8})
    federation["sites"] = [site | {"cases": 8} for site in federation["sites"]]
    run = fedrima.run(federation, out=tmp_path / "run")
    parts = predict.write_eyes(tmp_path, run.model, 70)
    predict.command(tmp_path)
    with (tmp_path / "out/graded.csv").open() as file:
        graded = [[float(row["p_0"]), float(row["p_1"])] for row in csv.DictReader(file)]
    bare = predict.bare(run.model, parts)
    np.testing.assert_allclose(graded, bare, atol=1e-6)


def test_ways_are_called_in_turn():
    called = []
    found = predict.in_turn({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 2)
    assert called == ["a", "b", "a", "b"]
    assert [len(seconds) for seconds in found.values()] == [2, 2]
