"""The errors a user can meet, by the exit code they end a run with."""


class UserError(Exception):
    """Configuration, data or command line is wrong: exit code 2, one line, no traceback."""


class ConfigError(UserError):
    """A key of the configuration is wrong."""


class DataError(UserError):
    """A file of the data is missing, unreadable or contradicts the configuration."""


class RunError(Exception):
    """The run cannot go on, for instance too few sites are left: exit code 3."""
