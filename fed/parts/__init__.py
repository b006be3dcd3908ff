"""The registry of exchangeable parts.

A part is a frozen dataclass in a file of its own. Its fields are its options, its docstring says what
it is, its class variables declare what it needs. The file is named after the part, and lies in the
package of its kind, where it is found: nobody lists it. In a configuration a part is a name
(``fill: zero``), a name with options (``reduce: {use: trimmed_mean, cut: 0.2}``), or code of one's
own (``fill: my_study.fills:Nearest``).
"""

from fed.parts.key import PartKey
from fed.parts.kinds import KINDS, Kind, Need
from fed.parts.registry import PartError, build, described, find, names, source_reader, written
from fed.parts.trust import trusting

__all__ = [
    "KINDS",
    "Kind",
    "Need",
    "PartError",
    "PartKey",
    "build",
    "described",
    "find",
    "names",
    "source_reader",
    "trusting",
    "written",
]
