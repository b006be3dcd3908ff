"""Names and shapes of the public weight files, written down from the published sizes."""

import math

RES2NET_LAYERS = (3, 4, 6, 3)
RES2NET_WIDTHS = (64, 128, 256, 512)


def imagenet_shapes() -> dict[str, tuple[int, ...]]:
    """Return those of the ImageNet file of Res2Net-50 v1b 26w x 4s, less its head."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for entry in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{entry}"] = (channels,)
        shapes[f"{name}.num_batches_tracked"] = ()

    shapes["conv1.0.weight"] = (32, 3, 3, 3)
    norm("conv1.1", 32)
    shapes["conv1.3.weight"] = (32, 32, 3, 3)
    norm("conv1.4", 32)
    shapes["conv1.6.weight"] = (64, 32, 3, 3)
    norm("bn1", 64)
    inputs = 64
    sizes = zip(RES2NET_LAYERS, RES2NET_WIDTHS, strict=True)
    for stage, (blocks, planes) in enumerate(sizes, 1):
        split = math.floor(planes * 26 / 64)
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (4 * split, inputs, 1, 1)
            norm(f"{name}.bn1", 4 * split)
            for k in range(3):
                shapes[f"{name}.convs.{k}.weight"] = (split, split, 3, 3)
                norm(f"{name}.bns.{k}", split)
            shapes[f"{name}.conv3.weight"] = (4 * planes, 4 * split, 1, 1)
            norm(f"{name}.bn3", 4 * planes)
            if block == 0:
                shapes[f"{name}.downsample.1.weight"] = (4 * planes, inputs, 1, 1)
                norm(f"{name}.downsample.2", 4 * planes)
            inputs = 4 * planes
    return shapes


def medicalnet_shapes(width: int = 64) -> dict[str, tuple[int, ...]]:
    """Return those of the MedicalNet file of ResNet-10, its ``module.`` prefix taken off."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for entry in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{entry}"] = (channels,)
        shapes[f"{name}.num_batches_tracked"] = ()

    shapes["conv1.weight"] = (width, 1, 7, 7, 7)
    norm("bn1", width)
    inputs = width
    for stage in range(1, 5):
        planes = width * 2 ** (stage - 1)
        shapes[f"layer{stage}.0.conv1.weight"] = (planes, inputs, 3, 3, 3)
        norm(f"layer{stage}.0.bn1", planes)
        shapes[f"layer{stage}.0.conv2.weight"] = (planes, planes, 3, 3, 3)
        norm(f"layer{stage}.0.bn2", planes)
        if stage > 1:
            shapes[f"layer{stage}.0.downsample.0.weight"] = (planes, inputs, 1, 1, 1)
            norm(f"layer{stage}.0.downsample.1", planes)
        inputs = planes
    return shapes
