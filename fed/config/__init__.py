"""The configuration: its schema, and how files and overrides become one."""

from fed.config.loading import dump, load, resolve
from fed.config.method import Method, Phase
from fed.config.schema import Config

__all__ = ["Config", "Method", "Phase", "dump", "load", "resolve"]
