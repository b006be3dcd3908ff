"""The federation of real sources, where its files are at hand."""

from pathlib import Path

from fed.config import load
from fed.data.opening import open_source

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "configs" / "real-federation.yaml"


def test_whole_sources_are_held_out_and_every_row_is_used(real_federation: Path) -> None:
    config = load([CONFIG], [f"data.path={real_federation}", "data.prepared=null"])
    source = open_source(config)
    (account,) = source.accounts
    assert account.words.endswith("3,045 rows read: 3,045 used")
    cards = {site.name: source.open(site.name).card(2) for site in source.sites}
    held_out = {name for name, card in cards.items() if card.role == "held_out"}
    assert held_out == {"tvhl-1", "tvhl-2", "tvhl-3"}
    assert [
        sum(card.cases[c][1] for card in cards.values()) for c in ("both", "fundus", "oct")
    ] == [
        31,
        371,
        369,
    ]
    several, fundus, oct_ = source.warnings
    assert "2 patients have images of several labels" in several
    assert fundus.startswith("training, fundus: 'source' alone predicts the label")
    assert oct_.startswith("training, oct: 'source' alone predicts the label")


def test_another_source_can_be_held_out(real_federation: Path) -> None:
    roles = ["sites.0.role=train", "sites.2.role=held_out", "sites.4.role=held_out"]
    config = load([CONFIG], [f"data.path={real_federation}", "data.prepared=null", *roles])
    source = open_source(config, check=False)
    held_out = {site.group for site in source.sites if site.role == "held_out"}
    assert held_out == {"rahim", "octdl"}
