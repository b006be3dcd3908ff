"""Draw a labelled coupling of two small clouds: ``python -m benchmarks.coupling_figure``."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

from model.transport import labelled_coupling

COUNTS_X, COUNTS_Y = (10, 8, 6), (8, 8, 4)
COLOURS = ("#0072b2", "#d55e00", "#009e73")
ANGLE, SCALE, GAP = 0.9, 0.6, 9.0


def clouds() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return X and Y of 2 and 3 dimensions: elongated classes, Y turned, shrunk and with noise."""
    generator = torch.Generator().manual_seed(2)
    centres = torch.tensor([[0.0, 0.0], [3.5, 1.0], [0.5, 3.5]])
    stretch = torch.tensor([[1.4, 0.25], [0.3, 1.1], [0.9, 0.5]])
    turn = torch.tensor([[ANGLE]]).cos(), torch.tensor([[ANGLE]]).sin()
    rotation = torch.cat([torch.cat(turn, 1), torch.cat([-turn[1], turn[0]], 1)])
    sides = []
    for counts in (COUNTS_X, COUNTS_Y):
        labels = torch.arange(3).repeat_interleave(torch.tensor(counts))
        noise = torch.randn(len(labels), 2, generator=generator)
        sides.append((centres[labels] + stretch[labels] * noise, labels))
    (X, lx), (Y, ly) = sides
    third = 0.1 * torch.randn(len(Y), 1, generator=generator)
    return X, torch.cat([SCALE * Y @ rotation, third], 1), lx, ly


def draw_clouds(axes: Axes, X: Tensor, Y: Tensor, lx: Tensor, ly: Tensor, plan: Tensor) -> None:
    """Draw both clouds and a line for every share of a row's mass, as dark as the share."""
    right = Y[:, :2] / SCALE + torch.tensor([GAP, 0.5])
    share = plan / plan.sum(1, keepdim=True)
    for i, j in (share > 0.03).nonzero().tolist():
        ends = torch.stack([X[i], right[j]])
        axes.plot(
            *ends.T, color=COLOURS[lx[i]], alpha=float(share[i, j].clamp(max=0.9)), linewidth=0.9
        )
    for points, labels, marker in ((X, lx, "o"), (right, ly, "s")):
        colours = [COLOURS[label] for label in labels]
        axes.scatter(*points.T, c=colours, marker=marker, s=26, zorder=3, edgecolor="white")
    axes.set_title("X (circles, 2 features) and Y (squares, 3 features)", fontsize=9)
    axes.set_aspect("equal")
    axes.axis("off")


def draw_plan(axes: Axes, plan: Tensor) -> None:
    """Draw the plan, rows and columns in the order of the classes."""
    image = axes.imshow(plan.numpy() * plan.shape[0], cmap="magma_r", vmin=0, vmax=1)
    axes.set_xlabel("samples of Y")
    axes.set_ylabel("samples of X")
    axes.set_title("the coupling, as shares of a row", fontsize=9)
    axes.set_xticks(torch.tensor(COUNTS_Y).cumsum(0)[:-1].numpy() - 0.5, labels=[])
    axes.set_yticks(torch.tensor(COUNTS_X).cumsum(0)[:-1].numpy() - 0.5, labels=[])
    axes.grid(color="grey", linewidth=0.6)
    axes.figure.colorbar(image, ax=axes, shrink=0.8)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, default=Path("docs/figures/coupling.png"))
    options = parser.parse_args()
    X, Y, lx, ly = clouds()
    plan = labelled_coupling(X, Y, lx, ly).plan
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.9), width_ratios=(1.55, 1), layout="constrained"
    )
    draw_clouds(left, X, Y, lx, ly, plan)
    draw_plan(right, plan)
    options.write.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.write, dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main()
