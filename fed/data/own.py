"""What one site holds, read where the site keeps it."""

from collections.abc import Mapping, Sequence

from fed.config import Config
from fed.data.account import OF_OTHER_SITES
from fed.data.collection import Collection, Row
from fed.data.groups import group_of
from fed.data.partition import claims
from fed.data.rows import RowsSource, named_columns
from fed.errors import DataError


class OwnRows(RowsSource):
    """One site's eyes, read where the site keeps them: nobody else's are there to be divided.

    Where the rows say whose they are (``data.site_column``) and the configuration names those of
    the site, the rows of others are left alone, their images too.

    Parameters
    ----------
    site : str
        The only site that can be opened.
    """

    def __init__(self, config: Config, collection: Collection, site: str) -> None:
        self._site = site
        group = group_of(config.sites, site)
        claimed = dict(claims(group))[site]
        columns = config.data.site_column
        own = tuple(
            row
            for row in collection.rows
            if not claimed or columns is None or row.place(columns) in (None, *claimed)
        )
        if not own:
            raise DataError(
                f"{config.data.path}: no row has {' or '.join(map(repr, claimed))} in column "
                f"{named_columns(columns)}, as site {site} needs"
            )
        left_out = {**collection.left_out, OF_OTHER_SITES: len(collection.rows) - len(own)}
        super().__init__(config, Collection(collection.classes, own, left_out), [group])

    def _assign(self, patients: Mapping[str, Sequence[Row]]) -> Mapping[str, Sequence[str]]:
        return {self._site: tuple(patients)}
