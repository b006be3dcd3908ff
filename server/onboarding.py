"""What comes of onboarding: its part of ``results.json``, and the rows of ``onboarding.csv``."""

from collections.abc import Iterable, Sequence

from fed.config import Config
from fed.errors import ConfigError
from fed.protocol import Scores
from fed.results import Adapted
from fed.sites import SiteCard
from server.evaluation import prediction_rows, tables_of

UNADAPTED = "unadapted"


def check_archives(config: Config, cards: Iterable[SiteCard]) -> None:
    """Refuse an archive that leaves a held-out site no case to be judged on.

    Raises
    ------
    ConfigError
        Naming the site.
    """
    onboarding = config.evaluation.onboarding
    for card in cards:
        if onboarding and card.role == "held_out" and card.total <= onboarding.archive:
            raise ConfigError(
                f"evaluation.onboarding.archive: {onboarding.archive} cases leave {card.name} none "
                f"to be judged on; allowed: at most {card.total - 1}, one fewer than it has"
            )


def by_procedure(sites: Sequence[Scores]) -> dict[str, list[Scores]]:
    """Return the scores of the sites that adapted, unadapted first, then by procedure."""
    adapted = [s for s in sites if s.adapted]
    found = {UNADAPTED: adapted} if adapted else {}
    for name in dict.fromkeys(name for s in adapted for name in s.adapted):
        found[name] = [s.adapted_by(name) for s in adapted if name in s.adapted]
    return found


def onboarding_results(sites: Sequence[Scores], config: Config) -> Adapted | None:
    """Return ``onboarding`` of ``results.json``; None if the sites bring no archive.

    ``pooled.<procedure>.<condition>.<metric>`` and the same under ``sites.<site>``, beside what the
    sites brought. The unadapted model is judged on the same cases with the same resamples.
    """
    onboarding = config.evaluation.onboarding
    if onboarding is None:
        return None
    found = {
        procedure: tables_of(scores, config) for procedure, scores in by_procedure(sites).items()
    }
    names = dict.fromkeys(name for _, by_site in found.values() for name in by_site)
    content = onboarding.model_dump() | {
        "pooled": {procedure: pooled for procedure, (pooled, _) in found.items()},
        "sites": {
            name: {procedure: by_site[name] for procedure, (_, by_site) in found.items()}
            for name in names
        },
    }
    return Adapted.model_validate(content)


def onboarding_rows(sites: Sequence[Scores], config: Config) -> list[list[str | int | float]]:
    """Return the rows of ``onboarding.csv``: a procedure, then as in ``predictions.csv``."""
    conditions = config.evaluation.conditions
    return [
        [procedure, *row]
        for procedure, scores in by_procedure(sites).items()
        for row in prediction_rows(scores, conditions)
    ]
