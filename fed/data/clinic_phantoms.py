"""Phantom patients as a data source: two eyes each, with named diseases (docs/phantom.md)."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fed.config.groups import SiteGroup
from fed.config.schema import Config
from fed.data.cases import Case, Pixels, SiteCases, owned
from fed.data.phantom.clinic import DISEASES, Eye, Patient, as_recorded, draw_patient, eye_of
from fed.data.phantom.clinic.camera import Camera
from fed.data.phantom.clinic.devices import draw_devices
from fed.data.phantom.clinic.patient import GRADES
from fed.data.phantom.clinic.scanner import Scanner
from fed.data.phantoms import PhantomSource
from fed.errors import ConfigError
from fed.randomness import generator
from fed.sites import MODALITIES, Modality, Site


@dataclass(frozen=True)
class Cohort:
    """Whose eyes a site sees; everything that a patient is drawn from.

    Attributes
    ----------
    proportions : tuple of float
        Share of each grade.
    """

    seed: int
    site: str
    graded: str
    proportions: tuple[float, ...]

    def patient(self, number: int) -> Patient:
        """Draw the patient of this number."""
        random = generator(self.seed, self.site, number, "patient")
        return draw_patient(np.array(self.proportions), DISEASES[self.graded], random)


class ClinicSource(PhantomSource):
    """Synthetic patients for the sites of a configuration.

    A site's cases are eyes: those of the first patient, right and left, then those of the second.
    Training sites label them as a grader would, held-out ones by the reference grade.

    Raises
    ------
    ConfigError
        If there are not four classes, or `data.label` is no disease of these patients.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if self._classes != GRADES:
            raise ConfigError(
                f"task.classes: data.version 2 grades eyes in {GRADES} classes, mildest first, "
                f"not in {self._classes}"
            )
        if config.data.label not in DISEASES:
            raise ConfigError(
                f"data.label: no {config.data.label!r} with data.version 2; allowed: "
                f"{', '.join(DISEASES)}"
            )
        self._graded = config.data.label

    def _open(self, site: Site, group: SiteGroup) -> SiteCases:
        proportions = tuple(self._proportions(group, site.name).tolist())
        cohort = Cohort(self._seed, site.name, self._graded, proportions)
        cases: list[Case] = []
        eyes: list[int] = []
        for eye in range(self._count(group, site.name)):
            kept = _records(cohort, eye, site)
            cases += kept
            eyes += [eye] * len(kept)
        devices = draw_devices(site.style, site.role, generator(self._seed, site.name, "devices"))
        images = ClinicImages(
            cohort,
            tuple(cases),
            tuple(eyes),
            Camera(self._image_size, devices.camera),
            Scanner(self._volume_size, devices.scanner),
        )
        return SiteCases(site, tuple(cases), images)


@dataclass(frozen=True)
class ClinicImages:
    """Draws the pixels of one site's cases."""

    cohort: Cohort
    cases: tuple[Case, ...]
    eyes: tuple[int, ...]
    camera: Camera
    scanner: Scanner

    @property
    def mapped(self) -> bool:
        """False: every picture is drawn anew."""
        return False

    def fundus(self, index: int) -> Pixels:
        """Draw the colour fundus photograph ``(3, height, width)`` of case `index`."""
        return self.camera.photograph(self.eye(index), self._random("fundus", index))

    def oct(self, index: int) -> Pixels:
        """Draw the OCT volume ``(slices, depth, width)`` of case `index`."""
        return self.scanner.scan(self.eye(index), self._random("oct", index))

    def eye(self, index: int) -> Eye:
        """Draw the eye behind case `index`; both halves of an unlinked pair have the same."""
        return _eye(self.cohort, self.eyes[index])

    def _random(self, modality: Modality, index: int) -> np.random.Generator:
        if modality not in self.cases[index].modalities:
            raise ValueError(f"case {self.cases[index].case_id} has no {modality}")
        return generator(self.cohort.seed, self.cohort.site, self.eyes[index], modality)


@lru_cache(maxsize=4)
def _eye(cohort: Cohort, eye: int) -> Eye:
    """Draw an eye; the last ones are kept, as both images of an eye are mostly drawn in turn."""
    random = generator(cohort.seed, cohort.site, eye, "eye")
    return eye_of(cohort.patient(eye // 2), eye % 2 == 0, random)


def _records(cohort: Cohort, eye: int, site: Site) -> list[Case]:
    number, left = divmod(eye, 2)
    random = generator(cohort.seed, site.name, eye, "record")
    grade = cohort.patient(number).grades[left]
    label = as_recorded(grade, random) if site.role == "train" else grade
    patient = f"{site.name}/{number:04d}"
    case = f"{patient}-{'L' if left else 'R'}"
    return list(owned(case, patient, label, MODALITIES, site, random))
