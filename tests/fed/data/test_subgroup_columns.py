"""Columns of a manifest as groups of patients: known to every case, refused if they are none."""

import pytest

from fed.config import resolve
from fed.data.opening import open_source
from fed.errors import ConfigError

HEADER = "case_id,patient_id,fundus,oct,grade,sex,age"


def lines(count=12):
    return [
        f"{i},{i},{i}f.png,{i}o.png,{i % 2},{('f', 'm', '')[i % 3]},{30 + 2 * i}"
        for i in range(count)
    ]


def asking(config, *columns):
    raw = config.model_dump(mode="json")
    raw["evaluation"]["subgroups"] = list(columns)
    return resolve(raw)


def test_every_case_knows_its_groups(configuration, manifest):
    manifest(HEADER, *lines())
    source = open_source(asking(configuration(), "sex"), check=True)
    cases = [case for site in source.sites for case in source.open(site.name).cases]
    assert len(cases) == 12
    assert {case.case_id: case.groups for case in cases} == {
        str(i): {"sex": ("f", "m", "")[i % 3]} for i in range(12)
    }


def test_without_being_asked_nothing_is_known(configuration, manifest):
    manifest(HEADER, *lines())
    source = open_source(configuration())
    assert all(case.groups == {} for s in source.sites for case in source.open(s.name).cases)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("sax", r"no eye has a column 'sax'; did you mean 'sex'\?"),
        ("age", r"column 'age' has 24 values; allowed: 1 to 20"),
    ],
)
def test_what_is_no_column_of_groups_is_refused(column, words, configuration, manifest):
    manifest(HEADER, *lines(24))
    with pytest.raises(ConfigError, match=rf"evaluation\.subgroups: {words}"):
        open_source(asking(configuration(), column))


def test_phantom_eyes_have_no_groups():
    from tests.acceptance.federations import tiny

    config = resolve(tiny(evaluation={"subgroups": ["sex"]}))
    with pytest.raises(ConfigError, match="phantom eyes have no columns"):
        open_source(config)


def test_a_column_counts_once(configuration):
    with pytest.raises(ConfigError, match="columns must differ"):
        asking(configuration(), "sex", "sex")
