"""What became of everything that was read from a source: used, or left out for a reason."""

from collections.abc import Mapping
from dataclasses import dataclass

WITHOUT_LABEL = "without a label"
LABEL_NOT_MAPPED = "with a label that is not mapped"
WITHOUT_IMAGE = "without an image"
WITHOUT_REQUIRED = "without a required modality"
WITHOUT_OWNED = "without an owned modality"
AT_NO_SITE = "at no site"
OF_OTHER_SITES = "of other sites"


@dataclass(frozen=True)
class Account:
    """The rows of a source: every one is used, or left out for one reason.

    Attributes
    ----------
    source : str
        The source, and where it lies.
    used : int
        Eyes of which a site has at least one image.
    cases : int
        What they are counted as at the sites: an eye whose two images are not known to be of the
        same eye is two cases.
    left_out : Mapping
        How many rows are not used, by reason.
    """

    source: str
    used: int
    cases: int
    left_out: Mapping[str, int]

    @property
    def read(self) -> int:
        """How many rows there were."""
        return self.used + sum(self.left_out.values())

    @property
    def words(self) -> str:
        """The account in one line."""
        unlinked = self.cases - self.used
        parts = [f"{self.used:,} used"]
        if unlinked:
            which = "an eye whose" if unlinked == 1 else f"{unlinked:,} eyes whose"
            parts[0] += f" as {self.cases:,} cases ({which} two images are not linked)"
        parts += [f"{count:,} {reason}" for reason, count in self.left_out.items() if count]
        rows = "1 row" if self.read == 1 else f"{self.read:,} rows"
        return f"{self.source}: {rows} read: {', '.join(parts)}"
