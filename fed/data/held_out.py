"""The held-out sites of a source alone: where a finished model is judged, nobody trains."""

from collections.abc import Sequence

from fed.data.account import Account
from fed.data.cases import CaseSource, SiteCases
from fed.sites import Site


class HeldOutSource:
    """A source of which only the held-out sites take part.

    Parameters
    ----------
    source : CaseSource
        Its training sites keep their share of the patients, so that those of the held-out sites
        are the ones that a run would judge on.
    """

    def __init__(self, source: CaseSource) -> None:
        self._source = source

    @property
    def sites(self) -> Sequence[Site]:
        """The held-out sites, in the order of the configuration."""
        return tuple(site for site in self._source.sites if site.role == "held_out")

    @property
    def accounts(self) -> Sequence[Account]:
        """What became of everything that was read or drawn."""
        return self._source.accounts

    @property
    def warnings(self) -> Sequence[str]:
        """What a reader of the results must know of the eyes."""
        return self._source.warnings

    def open(self, name: str) -> SiteCases:
        """Return the cases of one site."""
        return self._source.open(name)
