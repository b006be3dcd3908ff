"""One bad site among many: what it sends is bounded and told, and the model goes where it would."""

import json

import numpy as np
from flwr.app import Array, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from safetensors.numpy import load_file

from clients.app import app as honest
from fed import protocol
from fed.config import resolve
from fed.engines import EngineSettings, Node, start_grid
from server.app import make_app
from tests.acceptance.federations import group, tiny

CLINICS = [f"clinic-{i}" for i in range(1, 8)]
METHOD = {"base": "experts", "name": "bad"}


class BadSite(ClientApp):
    """Clinic 1 multiplies how far it went by a factor, from the third round on."""

    def __call__(self, message: Message, context: Context) -> Message:
        reply = honest(message, context)
        factor = float(context.run_config["factor"])
        late = (
            message.metadata.message_type == protocol.TRAIN and int(message.metadata.group_id) > 2
        )
        if late and context.node_config["site"] == "clinic-1":
            sent = message.content.array_records["parameters"]
            arrays = reply.content.array_records["parameters"]
            for name, array in arrays.items():
                if name.endswith(("weight", "bias")):
                    before = sent[name].numpy()
                    arrays[name] = Array(before + np.float32(factor) * (array.numpy() - before))
        return reply


app = BadSite()


def run(folder, factor, reduce):
    sites = [
        group("clinic", ["fundus"], cases=16, count=7),
        group("unseen", ["fundus"], role="held_out", cases=8),
    ]
    config = resolve(
        tiny(
            sites=sites,
            method=METHOD | {"reduce": reduce},
            training={"rounds": 5, "batch_size": 8, "lr": 0.003},
            evaluation={"every": 9, "bootstrap": 2},
        )
    )
    folder.mkdir()
    run_config = {"federation": config, "out": str(folder), "factor": factor}
    nodes = [Node(name, 16.0) for name in [*CLINICS, "unseen"]]
    with start_grid(EngineSettings(), nodes, run_config, f"{__name__}:app") as grid:
        make_app()(grid, Context(0, 0, {}, RecordDict(), run_config))
    rounds = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    return load_file(folder / "model.safetensors"), rounds


def distance(first, second):
    keys = [key for key in first if key.endswith(("weight", "bias"))]
    return sum(float(np.square(first[k] - second[k]).sum()) for k in keys) ** 0.5


def test_an_update_times_100_is_bounded_told_and_does_not_move_the_model_away(tmp_path):
    clean, rounds = run(tmp_path / "clean", 1.0, "norm_bounded")
    assert not any(line["bounded"] or line["alarms"] for line in rounds)
    mean, rounds = run(tmp_path / "mean", 100.0, "mean")
    assert rounds[2]["alarms"]
    assert "ALARM" not in str(rounds[1]["alarms"])
    warnings = json.loads((tmp_path / "mean" / "results.json").read_text())["warnings"]
    assert any("round 3: fundus_encoder moved" in words for words in warnings)
    bounded, rounds = run(tmp_path / "bounded", 100.0, "norm_bounded")
    told = {(b["site"], b["module"]) for b in rounds[2]["bounded"]}
    assert told == {("clinic-1", "fundus_encoder"), ("clinic-1", "fundus_head")}
    assert rounds[1]["bounded"] == []
    assert distance(bounded, clean) < 0.1 * distance(mean, clean)


def test_without_a_bad_site_the_default_is_the_mean_to_the_last_byte(tmp_path):
    for reduce in ("mean", "norm_bounded"):
        run(tmp_path / reduce, 1.0, reduce)
    for name in ("model.safetensors", "predictions.csv"):
        assert (tmp_path / "mean" / name).read_bytes() == (
            tmp_path / "norm_bounded" / name
        ).read_bytes()
