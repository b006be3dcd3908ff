"""The configuration: its schema, and how files and overrides become one."""

from fed.config.loading import DEMO, assign, dump, load, resolve
from fed.config.method import Method, Phase
from fed.config.schema import Config
from fed.config.study import Study

__all__ = ["DEMO", "Config", "Method", "Phase", "Study", "assign", "dump", "load", "resolve"]
