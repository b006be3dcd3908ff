"""Keys and methods of earlier versions, refused with the name they have now."""

from collections.abc import Mapping
from typing import Any

from fed.errors import ConfigError

RENAMED = {
    "method.align_both": "method.align.both",
    "method.align_single": "method.align.single",
    "method.distance": "method.align.distance",
    "method.proximal": "method.terms: [{use: proximal, mu: ...}]",
    "method.distil": "method.terms: [{use: distillation, weight: ...}]",
    "method.contrast": "method.terms: [{use: contrast, weight: ...}]",
    "method.combine": "method.send, method.weight, method.reduce and method.average_last",
    "method.server": "method.server_optimizer",
    "training.channels_last": "how the weights of encoders always lie; leave the key out",
}
METHODS = {"random_pairing": "fedrima"}


def refuse_renamed(raw: Mapping[str, Any]) -> None:
    """Refuse a key of an earlier version.

    Raises
    ------
    ConfigError
        Naming the key and the one that took its place.
    """
    for old, new in RENAMED.items():
        node: Any = raw
        for part in old.split("."):
            node = node.get(part) if isinstance(node, Mapping) else None
        if node is not None:
            raise ConfigError(f"{old}: is now {new}")
