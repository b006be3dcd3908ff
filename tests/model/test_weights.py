"""Files with the published names and shapes are taken completely; anything off is refused."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from model.encoders.res2net import Res2Net
from model.encoders.resnet3d import ResNet3d
from model.fusions.asymmetric import Asymmetric
from model.rima import RIMA, Sizes
from model.weights import Matched, WeightsError, import_released_checkpoint, load_encoder_weights
from tests.model.published import imagenet_shapes, medicalnet_shapes

State = dict[str, Tensor]
Shapes = dict[str, tuple[int, ...]]


def synthetic(shapes: Shapes, seed: int = 0) -> State:
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


def released_shapes(
    fundus: Shapes, octs: Shapes, dx: int, dy: int, hidden: int, feed_forward: int
) -> Shapes:
    """Names and shapes of the released checkpoint, ImageNet head included, for four classes."""
    shapes: Shapes = {f"res2net_2DNet.res2net.{name}": shape for name, shape in fundus.items()}
    shapes |= {f"resnet_3DNet.resnet_3DNet.{name}": shape for name, shape in octs.items()}
    layers = {
        "res2net_2DNet.res2net.fc": (1000, dx),
        "fundus2oct.0": (hidden, dx),
        "fundus2oct.3": (dy, hidden),
        "oct2fundus.0": (hidden, dy),
        "oct2fundus.3": (dx, hidden),
        "oct_fusion.0": (dy, 2 * dy),
        "oct_fusion.3": (dy, dy),
        "attention_fundus.self_attn.out_proj": (dx, dx),
        "attention_fundus.norm1": (dx,),
        "attention_fundus.norm2": (dx,),
        "attention_fundus.ffn.0": (feed_forward, dx),
        "attention_fundus.ffn.3": (dx, feed_forward),
        "fc": (4, dx + dy),
    }
    for name, weight in layers.items():
        shapes |= {f"{name}.weight": weight, f"{name}.bias": weight[:1]}
    shapes["attention_fundus.self_attn.in_proj_weight"] = (3 * dx, dx)
    shapes["attention_fundus.self_attn.in_proj_bias"] = (3 * dx,)
    return shapes


def published_release() -> Shapes:
    return released_shapes(imagenet_shapes(), medicalnet_shapes(), 2048, 6144, 4096, 2048)


def small_release() -> State:
    """The released checkpoint's names, at the sizes of `small_network`."""
    encoder = Res2Net(layers=(1, 1, 1, 1), width=16).state_dict()
    fundus = {name: tuple(tensor.shape) for name, tensor in encoder.items()}
    return synthetic(released_shapes(fundus, medicalnet_shapes(width=8), 512, 128, 12, 20))


def small_network() -> RIMA:
    return RIMA(
        Res2Net(layers=(1, 1, 1, 1), width=16),
        ResNet3d((16, 16, 16), width=8),
        Sizes(classes=4, predictor=12, feed_forward=20),
        Asymmetric(),
    )


def published_network() -> RIMA:
    sizes = Sizes(classes=4, predictor=4096, feed_forward=2048)
    return RIMA(Res2Net(), ResNet3d((96, 96, 96)), sizes, Asymmetric())


IMAGENET_HEAD = ("res2net_2DNet.res2net.fc.bias", "res2net_2DNet.res2net.fc.weight")


def test_the_released_checkpoint_is_imported_completely(tmp_path: Path) -> None:
    state = small_release()
    network = small_network()
    path = saved({"epoch": 199, "state_dict": state}, tmp_path / "rima.pth")
    matched = import_released_checkpoint(network, path)
    assert matched.tensors == len(state) - len(IMAGENET_HEAD)
    assert matched.ignored == IMAGENET_HEAD
    assert {name.split(".")[0] for name in matched.absent} == {
        "fundus_head",
        "oct_head",
        "transport",
    }
    pairs = {
        "fundus_encoder.layer1.0.convs.2.weight": "res2net_2DNet.res2net.layer1.0.convs.2.weight",
        "oct_encoder.layer4.0.downsample.1.running_var": (
            "resnet_3DNet.resnet_3DNet.layer4.0.downsample.1.running_var"
        ),
        "fundus_fusion.self_attn.in_proj_weight": "attention_fundus.self_attn.in_proj_weight",
        "fundus_fusion.ffn.3.bias": "attention_fundus.ffn.3.bias",
        "fundus2oct.0.weight": "fundus2oct.0.weight",
        "oct2fundus.3.weight": "oct2fundus.3.weight",
        "oct_fusion.0.weight": "oct_fusion.0.weight",
        "classifier.weight": "fc.weight",
    }
    own = network.state_dict()
    for ours, theirs in pairs.items():
        assert torch.equal(own[ours], state[theirs]), ours


def test_a_released_checkpoint_off_by_a_name_or_a_shape_is_refused(tmp_path: Path) -> None:
    state = small_release()
    state["res2net_2DNet.res2net.bn9.weight"] = state.pop("res2net_2DNet.res2net.bn1.weight")
    state["fc.weight"] = torch.rand(2, 640)
    path = saved({"state_dict": state}, tmp_path / "rima.pth")
    with pytest.raises(WeightsError) as refused:
        import_released_checkpoint(small_network(), path)
    assert str(refused.value) == (
        f"{path}: does not fit the network: 1 missing: res2net_2DNet.res2net.bn1.weight; "
        "1 unexpected: res2net_2DNet.res2net.bn9.weight; "
        "1 of another shape: fc.weight (2, 640), not (4, 640)"
    )


def test_the_network_at_paper_scale_has_the_published_parameters() -> None:
    shapes = published_release()
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    published = {name: shape for name, shape in shapes.items() if not name.endswith(buffers)}
    total = sum(math.prod(shape) for shape in published.values())
    assert round(total / 1e6, 1) == 245.7
    with torch.device("meta"):
        network = published_network()
    own = sum(p.numel() for n, p in network.named_parameters() if "_head." not in n)
    assert own == total - (1000 * 2048 + 1000)


@pytest.mark.slow
def test_a_checkpoint_of_the_published_size_is_imported_completely(tmp_path: Path) -> None:
    state = synthetic(published_release())
    path = saved({"epoch": 0, "state_dict": state}, tmp_path / "rima.pth")
    matched = import_released_checkpoint(published_network(), path)
    assert matched.tensors == len(state) - len(IMAGENET_HEAD) == 620
    assert matched.ignored == IMAGENET_HEAD
