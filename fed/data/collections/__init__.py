"""Public collections of eyes, as they lie on disk: a module each, with ``read(root, label)``."""
