"""Public collections of eyes, as they lie on disk: a module each, with ``read(root, label)``.

A module here is a source that a configuration can name; nothing else lists them.
"""
