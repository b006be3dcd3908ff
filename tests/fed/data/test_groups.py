import pytest

from fed.config.schema import SiteGroup
from fed.data.groups import expand
from fed.errors import ConfigError


def test_sites_are_numbered_and_a_single_one_is_not():
    groups = [
        SiteGroup(name="clinic", count=2, modalities=["fundus"], style=0.5),
        SiteGroup(name="unseen", role="held_out", modalities=["fundus", "oct"], paired=0.3),
    ]
    first, second, third = expand(groups)
    assert [first.name, second.name, third.name] == ["clinic-1", "clinic-2", "unseen"]
    assert first.group == second.group == "clinic"
    assert (first.modalities, first.style) == (("fundus",), 0.5)
    assert (third.role, third.paired) == ("held_out", 0.3)


def test_two_sites_of_one_name_are_refused():
    groups = [
        SiteGroup(name="a", count=2, modalities=["fundus"]),
        SiteGroup(name="a-1", modalities=["oct"]),
    ]
    with pytest.raises(ConfigError, match="'a-1'"):
        expand(groups)


def test_populations_own_on_average_what_they_own_apart():
    group = SiteGroup(
        name="district",
        populations=[
            {"share": 3, "modalities": ["fundus"]},
            {"share": 1, "modalities": {"fundus": 0.5, "oct": 0.8}},
        ],
    )
    assert group.ownership == {"fundus": 0.875, "oct": 0.2}
    (site,) = expand([group])
    assert site.modalities == ("fundus", "oct")
    assert site.shares == {"fundus": 0.875, "oct": 0.2}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "sites.a: give either modalities or populations"),
        (
            {"modalities": ["oct"], "populations": [{"share": 1, "modalities": ["oct"]}]},
            "sites.a: give either modalities or populations",
        ),
        (
            {"populations": [{"share": 1, "modalities": {"oct": 0.0}}]},
            "sites.a.populations: each population needs at least one modality",
        ),
    ],
)
def test_a_group_says_once_what_its_sites_own(changes, words):
    with pytest.raises(ValueError, match=words):
        SiteGroup(name="a", **changes)
