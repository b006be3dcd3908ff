"""Files with the published names and shapes are taken completely; anything off is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from model.encoders.res2net import Res2Net
from model.encoders.resnet3d import ResNet3d
from model.weights import Matched, WeightsError, import_released_checkpoint, load_encoder_weights
from tests.model.published import imagenet_shapes, medicalnet_shapes

State = dict[str, Tensor]


def synthetic(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> State:
    """Tensors of the given names and shapes, each with values of its own."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.tensor(7)
        if name.endswith("num_batches_tracked")
        else torch.rand(shape, generator=generator)
        for name, shape in shapes.items()
    }


def imagenet_file() -> State:
    head = {"fc.weight": (1000, 2048), "fc.bias": (1000,)}
    return synthetic({**imagenet_shapes(), **head})


def medicalnet_file() -> State:
    state = synthetic(medicalnet_shapes())
    return {f"module.{name}": tensor for name, tensor in state.items()}


def narrow_file() -> State:
    return synthetic(medicalnet_shapes(width=8))


def narrow_encoder() -> ResNet3d:
    torch.manual_seed(3)
    return ResNet3d((16, 16, 16), width=8)


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def test_the_public_imagenet_file_is_taken_as_it_is(tmp_path: Path) -> None:
    state = imagenet_file()
    encoder = Res2Net()
    matched = load_encoder_weights(encoder, saved(state, tmp_path / "res2net.pth"))
    assert matched == Matched(522, ("fc.bias", "fc.weight"), ())
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, state[name]), name


def test_the_public_medicalnet_file_is_taken_as_it_is(tmp_path: Path) -> None:
    state = medicalnet_file()
    encoder = ResNet3d((96, 96, 96))
    path = saved({"epoch": 3, "state_dict": state}, tmp_path / "resnet_10.pth")
    assert load_encoder_weights(encoder, path) == Matched(72, (), ())
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, state[f"module.{name}"]), name


def test_safetensors_files_older_files_and_segmentation_heads_are_understood(
    tmp_path: Path,
) -> None:
    state = {k: v for k, v in narrow_file().items() if "num_batches" not in k}
    state["conv_seg.0.weight"] = torch.rand(3)
    save_file(state, tmp_path / "oct.safetensors")
    encoder = narrow_encoder()
    matched = load_encoder_weights(encoder, tmp_path / "oct.safetensors")
    assert matched.tensors == 72 - 12
    assert matched.ignored == ("conv_seg.0.weight",)
    assert len(matched.absent) == 12
    assert all(name.endswith("num_batches_tracked") for name in matched.absent)
    assert str(matched) == (
        "60 tensors matched, 1 of the file ignored, 12 of the network not in the file"
    )


def rename(state: State) -> None:
    state["layer2.0.conv1.wieght"] = state.pop("layer2.0.conv1.weight")


def reshape(state: State) -> None:
    state["bn1.bias"] = torch.rand(9)


def empty(state: State) -> None:
    state.clear()
    state["something.else"] = torch.rand(1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            rename,
            "does not fit the network: 1 missing: layer2.0.conv1.weight; "
            "1 unexpected: layer2.0.conv1.wieght",
        ),
        (reshape, "does not fit the network: 1 of another shape: bn1.bias (9,), not (8,)"),
        (
            empty,
            "does not fit the network: 60 missing: conv1.weight, bn1.weight, bn1.bias, "
            "bn1.running_mean, bn1.running_var, layer1.0.conv1.weight, layer1.0.bn1.weight, "
            "layer1.0.bn1.bias, layer1.0.bn1.running_mean, layer1.0.bn1.running_var and 50 more; "
            "1 unexpected: something.else",
        ),
    ],
)
def test_a_name_or_shape_off_is_refused_with_the_list_and_nothing_is_changed(
    spoil: Callable[[State], None], message: str, tmp_path: Path
) -> None:
    state = narrow_file()
    spoil(state)
    encoder = narrow_encoder()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    path = saved(state, tmp_path / "oct.pth")
    with pytest.raises(WeightsError) as refused:
        load_encoder_weights(encoder, path)
    assert str(refused.value) == f"{path}: {message}"
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def truncated(path: Path) -> None:
    content = saved(narrow_file(), path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def with_code(path: Path) -> None:
    saved({"state_dict": narrow_file(), "of": Path("somewhere")}, path)


def no_tensors(path: Path) -> None:
    saved({"state_dict": {"conv1.weight": "lost"}}, path)


def no_dict(path: Path) -> None:
    saved([torch.rand(1)], path)


def text(path: Path) -> None:
    path.write_text("not weights")


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def absent(path: Path) -> None:
    path.unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("write", "name", "message"),
    [
        (truncated, "a.pth", "cannot be read"),
        (truncated, "a.safetensors", "cannot be read"),
        (text, "a.pt", "plain tensors"),
        (nothing, "a.pt", "cannot be read"),
        (with_code, "a.pth", "Python objects, which are not loaded because they could run code"),
        (no_tensors, "a.pth", "1 not tensors: conv1.weight"),
        (no_dict, "a.pth", "holds no state dict"),
        (absent, "a.pth", "there is no such file"),
        (text, "a.onnx", "weights are read from .pth, .pt, .safetensors files"),
    ],
)
def test_an_unreadable_file_is_refused_in_one_line_that_names_it(
    write: Callable[[Path], None], name: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(WeightsError) as refused:
        load_encoder_weights(narrow_encoder(), path)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


class Network(nn.Module):
    """The modules of the RIMA network by their names, at small sizes."""

    def __init__(self, dx: int = 512, dy: int = 128, hidden: int = 12, classes: int = 4) -> None:
        super().__init__()

        def two_layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.3), nn.Linear(hidden, outputs)
            )

        self.fundus_encoder = Res2Net(layers=(1, 1, 1, 1), width=16)
        self.oct_encoder = ResNet3d((16, 16, 16), width=8)
        self.fundus_head = nn.Linear(dx, classes)
        self.oct_head = nn.Linear(dy, classes)
        self.fundus2oct = two_layers(dx, hidden, dy)
        self.oct2fundus = two_layers(dy, hidden, dx)
        self.oct_fusion = two_layers(2 * dy, dy, dy)
        self.fundus_fusion = nn.Module()
        self.fundus_fusion.self_attn = nn.MultiheadAttention(dx, 4)
        self.fundus_fusion.norm1 = nn.LayerNorm(dx)
        self.fundus_fusion.norm2 = nn.LayerNorm(dx)
        self.fundus_fusion.ffn = two_layers(dx, hidden, dx)
        self.classifier = nn.Linear(dx + dy, classes)
        self.transport = nn.Module()
        self.transport.register_buffer("plan", torch.zeros(dx, dy))


RELEASED = {
    "fundus2oct.0": ((12, 512), (12,)),
    "fundus2oct.3": ((128, 12), (128,)),
    "oct2fundus.0": ((12, 128), (12,)),
    "oct2fundus.3": ((512, 12), (512,)),
    "oct_fusion.0": ((128, 256), (128,)),
    "oct_fusion.3": ((128, 128), (128,)),
    "attention_fundus.self_attn.out_proj": ((512, 512), (512,)),
    "attention_fundus.norm1": ((512,), (512,)),
    "attention_fundus.norm2": ((512,), (512,)),
    "attention_fundus.ffn.0": ((12, 512), (12,)),
    "attention_fundus.ffn.3": ((512, 12), (512,)),
    "fc": ((4, 640), (4,)),
}


def released_checkpoint() -> State:
    """The released checkpoint's names, at the sizes of `Network`."""
    encoder = Res2Net(layers=(1, 1, 1, 1), width=16).state_dict()
    shapes: dict[str, tuple[int, ...]] = {
        f"res2net_2DNet.res2net.{name}": tuple(tensor.shape) for name, tensor in encoder.items()
    }
    for name, shape in medicalnet_shapes(width=8).items():
        shapes[f"resnet_3DNet.resnet_3DNet.{name}"] = shape
    for name, (weight, bias) in RELEASED.items():
        shapes[f"{name}.weight"] = weight
        shapes[f"{name}.bias"] = bias
    shapes["attention_fundus.self_attn.in_proj_weight"] = (1536, 512)
    shapes["attention_fundus.self_attn.in_proj_bias"] = (1536,)
    shapes["res2net_2DNet.res2net.fc.weight"] = (1000, 512)
    shapes["res2net_2DNet.res2net.fc.bias"] = (1000,)
    return synthetic(shapes)


def test_the_released_checkpoint_is_imported_completely(tmp_path: Path) -> None:
    state = released_checkpoint()
    network = Network()
    path = saved({"epoch": 199, "state_dict": state}, tmp_path / "rima.pth")
    matched = import_released_checkpoint(network, path)
    assert matched.tensors == len(state) - 2
    assert matched.ignored == (
        "res2net_2DNet.res2net.fc.bias",
        "res2net_2DNet.res2net.fc.weight",
    )
    assert matched.absent == (
        "fundus_head.bias",
        "fundus_head.weight",
        "oct_head.bias",
        "oct_head.weight",
        "transport.plan",
    )
    pairs = {
        "fundus_encoder.layer1.0.convs.2.weight": "res2net_2DNet.res2net.layer1.0.convs.2.weight",
        "oct_encoder.layer4.0.downsample.1.running_var": (
            "resnet_3DNet.resnet_3DNet.layer4.0.downsample.1.running_var"
        ),
        "fundus_fusion.self_attn.in_proj_weight": "attention_fundus.self_attn.in_proj_weight",
        "fundus_fusion.ffn.3.bias": "attention_fundus.ffn.3.bias",
        "oct_fusion.0.weight": "oct_fusion.0.weight",
        "classifier.weight": "fc.weight",
    }
    own = network.state_dict()
    for ours, theirs in pairs.items():
        assert torch.equal(own[ours], state[theirs]), ours


def test_a_released_checkpoint_off_by_a_name_or_a_shape_is_refused(tmp_path: Path) -> None:
    state = released_checkpoint()
    state["res2net_2DNet.res2net.bn9.weight"] = state.pop("res2net_2DNet.res2net.bn1.weight")
    state["fc.weight"] = torch.rand(2, 640)
    with pytest.raises(WeightsError) as refused:
        import_released_checkpoint(Network(), saved({"state_dict": state}, tmp_path / "rima.pth"))
    message = str(refused.value)
    assert "1 missing: res2net_2DNet.res2net.bn1.weight" in message
    assert "1 unexpected: res2net_2DNet.res2net.bn9.weight" in message
    assert "1 of another shape: fc.weight (2, 640), not (4, 640)" in message


def test_the_network_of_this_project_has_a_place_for_every_released_tensor(
    tmp_path: Path,
) -> None:
    rima = pytest.importorskip("model.rima", reason="the network is not in this tree")
    network = rima.RIMA(
        Res2Net(layers=(1, 1, 1, 1), width=16),
        ResNet3d((16, 16, 16), width=8),
        rima.Sizes(classes=4, predictor=12, feed_forward=12),
    )
    state = released_checkpoint()
    matched = import_released_checkpoint(network, saved(state, tmp_path / "rima.pth"))
    assert matched.tensors == len(state) - 2
    assert {name.split(".")[0] for name in matched.absent} == {
        "fundus_head",
        "oct_head",
        "transport",
    }
