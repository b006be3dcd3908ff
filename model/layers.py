"""Layers that the network and its fusions are made of."""

from torch import Tensor, nn


def two_layers(inputs: int, hidden: int, outputs: int, dropout: float) -> nn.Sequential:
    """Return two linear layers with ReLU and dropout between them."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs)
    )


class TokenFusion(nn.Module):
    """Fundus branch: one post-norm transformer block over three tokens, averaged.

    The tokens are the fundus feature, the OCT feature transported to fundus features by the plan
    ``P``, and the fundus feature predicted from OCT.
    """

    def __init__(self, width: int, feed_forward: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.ffn = two_layers(width, feed_forward, width, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``(n, 3, width)`` to ``(n, width)``."""
        attended, _ = self.self_attn(tokens, tokens, tokens, need_weights=False)
        tokens = self.norm1(tokens + attended)
        return self.norm2(tokens + self.ffn(tokens)).mean(dim=1)
