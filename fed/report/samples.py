"""A few eyes of each group of sites, for the report of a simulation.

Only a simulation can show them: it owns all the data. In a deployment no image leaves a site.
"""

from fed.config import Config
from fed.data.cases import CaseSource, SiteCases
from fed.report.gallery import Sample


def samples_of(source: CaseSource, config: Config) -> list[Sample]:
    """Return one eye of each grade from the first site of each group that has cases."""
    samples: list[Sample] = []
    shown: set[str] = set()
    for site in source.sites:
        if site.group not in shown:
            cases = source.open(site.name)
            if len(cases):
                shown.add(site.group)
                samples += _one_of_each_grade(cases, config.task.classes)
    return samples


def _one_of_each_grade(cases: SiteCases, classes: tuple[str, ...]) -> list[Sample]:
    first: dict[int, int] = {}
    for index, case in enumerate(cases.cases):
        first.setdefault(case.label, index)
    return [
        Sample(
            site=cases.site.name,
            group=cases.site.group,
            grade_name=classes[label],
            fundus=cases.images.fundus(i) if "fundus" in cases.cases[i].modalities else None,
            oct=cases.images.oct(i) if "oct" in cases.cases[i].modalities else None,
        )
        for label, i in sorted(first.items())
    ]
