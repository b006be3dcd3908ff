"""The raw real eyes are a trap: those with a fundus photograph alone almost all have oedema."""

import os
from pathlib import Path

import pytest

from tests.acceptance.federations import ROOT, group, simulate, write

SHARED = Path(os.environ.get("FEDRIMA_SHARED", ROOT.parent / "shared"))
MANIFEST = SHARED / "data" / "real-eyes" / "manifest.csv"

pytestmark = pytest.mark.skipif(not MANIFEST.exists(), reason=f"{MANIFEST} is not there")


def federation(**data):
    def own(name, share, **changes):
        return group(name, ["fundus", "oct"], labels="natural", cases=share, **changes)

    return {
        "name": "raw",
        "task": {"classes": ["0", "1"]},
        "data": {
            "source": "manifest",
            "path": str(MANIFEST),
            "label": "dme",
            "image_size": 32,
            "volume_size": [1, 32, 32],
            **data,
        },
        "sites": [own("mixed", 0.7, count=2), own("unseen", 0.3, role="held_out")],
    }


def dry_run(folder, **data):
    done = simulate(write(folder, federation(**data)), "--dry-run")
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_the_raw_manifest_raises_the_confound_in_words(tmp_path):
    shown = dry_run(tmp_path)
    assert "confound: training: which modalities a case has predicts its label" in shown
    assert "a model can score by what is missing" in shown


def test_eyes_with_both_modalities_do_not(tmp_path):
    assert "confound:" not in dry_run(tmp_path, require=["fundus", "oct"])
