"""Grading new eyes with a finished model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fedrima as face
from clients.grading import encoding
from clients.onboarding.archive import set_archive_apart
from clients.onboarding.procedures import DEFAULT
from fed.data.images import load_fundus, resize_fundus
from fed.data.opening import open_source
from fed.randomness import generator
from tests.acceptance.eyes import (
    drawn_eyes,
    fedrima,
    read_table,
    trained,
    write_manifest,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("eyes")


@pytest.fixture(scope="module")
def eyes(folder):
    return drawn_eyes(folder)


@pytest.fixture(scope="module")
def run(folder, eyes):
    return trained(folder, eyes)


def unseen(eyes, site=None):
    return [row for row in eyes if row["site"] == site or (not site and "unseen" in row["site"])]


def scored(run, condition, name="predictions.csv"):
    """Return what the run itself gave each case: case_id -> probabilities, as text."""
    return {
        row["case_id"]: (row["p_0"], row["p_1"])
        for row in read_table(run / name)
        if row["condition"] == condition
    }


def graded(run, manifest, *options):
    out = manifest.with_name(f"{manifest.stem}-out.csv")
    out.unlink(missing_ok=True)
    out.with_name(f"{out.stem}-unreadable.csv").unlink(missing_ok=True)
    done = fedrima("predict", run, manifest, "--out", out, "--quiet", *options)
    assert done.exit_code == 0, done.stderr
    return read_table(out)


def probabilities(rows):
    return {row["case_id"]: (row["p_0"], row["p_1"]) for row in rows}


def without(rows, modality):
    other = "oct" if modality == "fundus" else "fundus"
    return [{**row, modality: ""} for row in rows if row[other]]


def test_the_eyes_that_a_run_scored_get_its_scores_to_the_byte(run, folder, eyes):
    given = {
        "both": [row for row in unseen(eyes) if row["fundus"] and row["oct"]],
        "fundus": without(unseen(eyes), "oct"),
        "oct": without(unseen(eyes), "fundus"),
    }
    for condition, rows in given.items():
        found = graded(run, write_manifest(folder / f"{condition}.csv", rows))
        assert probabilities(found) == scored(run, condition)
        assert {row["modalities"] for row in found} == {condition.replace("both", "fundus+oct")}


@pytest.mark.parametrize("method", ["fedavg", "experts", "fedavg_devices"])
def test_so_they_do_with_other_methods(method, folder, eyes):
    other = trained(folder, eyes, method=method, name=method)
    found = graded(other, write_manifest(folder / "some.csv", without(unseen(eyes), "oct")))
    assert probabilities(found) == scored(other, "fundus")


def test_an_eye_gets_the_same_grade_whoever_is_graded_with_it(run, folder, eyes):
    everyone = probabilities(graded(run, write_manifest(folder / "all.csv", eyes)))
    assert len(everyone) == len(eyes)
    some = [eyes[at] for at in (77, 3, 50, 119, 4)]
    found = graded(run, write_manifest(folder / "some.csv", some))
    assert [row["case_id"] for row in found] == [row["case_id"] for row in some]
    assert probabilities(found).items() <= everyone.items()


def test_several_processes_give_the_bytes_of_one(run, folder, eyes):
    manifest = write_manifest(folder / "all.csv", eyes)
    assert graded(run, manifest, "--workers", "2") == graded(run, manifest)


def test_from_python_it_is_the_same(run, folder, eyes):
    loaded = face.load(run)
    sites = [row for row in unseen(eyes) if row["fundus"] and row["oct"]]
    photographs = torch.from_numpy(np.stack([load(folder / r["fundus"]) for r in sites]))
    scans = torch.from_numpy(np.stack([np.load(folder / row["oct"]) for row in sites]))
    found = loaded.model.predict(fundus=photographs, oct=scans)
    expected = loaded.predictions.query("condition == 'both'").set_index("case_id")
    ids = [row["case_id"] for row in sites]
    np.testing.assert_array_equal(found.probabilities, expected.loc[ids, ["p_0", "p_1"]])
    assert found.grades == tuple(loaded.results.classes[k] for k in found.probabilities.argmax(1))
    halves = loaded.model.predict(fundus=photographs.float() / 255).probabilities
    alone = loaded.predictions.query("condition == 'fundus'").set_index("case_id")
    np.testing.assert_array_equal(halves, alone.loc[ids, ["p_0", "p_1"]])


def load(path: Path):
    return resize_fundus(load_fundus(path), 32)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "give fundus, oct or both"),
        ({"fundus": torch.zeros(2, 3, 16, 16)}, r"shape \(2, 3, 16, 16\); expected \(n, 3, 32, 32"),
        ({"fundus": torch.full((1, 3, 32, 32), 255.0)}, "numbers from 0 to 1"),
        ({"fundus": torch.full((1, 3, 32, 32), torch.nan)}, "numbers from 0 to 1"),
        (
            {"fundus": torch.zeros(1, 3, 32, 32), "oct": torch.zeros(2, 4, 32, 32)},
            "of the same eyes",
        ),
    ],
)
def test_what_is_no_image_is_refused_with_what_is_wanted(run, given, words):
    with pytest.raises(ValueError, match=words):
        face.load(run).model.predict(**given)


def test_what_cannot_be_read_is_listed_and_the_rest_graded(run, folder, eyes):
    rows = [dict(row) for row in eyes[:6]]  # of the hospital: all have both
    rows[0]["fundus"] = "absent.png"
    (folder / "broken.npy").write_bytes(b"no array")
    rows[1] |= {"fundus": "", "oct": "broken.npy"}
    rows[2] |= {"fundus": "", "oct": ""}
    rows[3]["case_id"] = rows[4]["case_id"]
    rows[5]["case_id"] = ""
    found = graded(run, write_manifest(folder / "bad.csv", rows))
    assert [(row["case_id"], row["modalities"]) for row in found] == [
        (rows[0]["case_id"], "oct"),
        (rows[3]["case_id"], "fundus+oct"),
    ]
    listed = read_table(folder / "bad-out-unreadable.csv")
    told = {(row["case_id"], row["modality"]): row["reason"] for row in listed}
    assert "neither a fundus photograph nor an OCT" in told.pop((rows[2]["case_id"], ""))
    assert "case_id is that of line 5" in told.pop((rows[4]["case_id"], ""))
    assert "line 7: case_id is empty" in told.pop(("", ""))
    assert "absent.png" in told.pop((rows[0]["case_id"], "fundus"))
    assert "broken.npy" in told.pop((rows[1]["case_id"], "oct"))
    assert not told


def test_a_black_photograph_is_graded_and_said_to_be_one(run, folder, eyes):
    Image.new("RGB", (32, 32)).save(folder / "black.png")
    rows = [{**eyes[0], "fundus": "black.png"}, eyes[1]]
    found = graded(run, write_manifest(folder / "black.csv", rows))
    assert [row["doubts"] for row in found] == ["fundus: blank", ""]


def test_interrupted_it_goes_on_where_it_was(run, folder, eyes, monkeypatch):
    many = [{**row, "case_id": f"{row['case_id']}-{n}"} for n in range(2) for row in eyes]
    manifest = write_manifest(folder / "many.csv", many)
    whole = graded(run, manifest)
    out = folder / "stopped.csv"
    see, seen = encoding._see, []

    def interrupt(model, part):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(len(part))
        return see(model, part)

    monkeypatch.setattr(encoding, "_see", interrupt)
    done = fedrima("predict", run, manifest, "--out", out, "--quiet")
    assert done.exit_code == 130
    assert "goes on" in done.stderr
    assert not out.exists()
    assert seen == [60, 60]
    with (folder / ".stopped.csv.so-far").open("a") as file:
        file.write('{"rows": [["cut sho')  # as a process that was killed leaves it
    left = []
    monkeypatch.setattr(encoding, "_see", lambda m, part: left.append(len(part)) or see(m, part))
    assert fedrima("predict", run, manifest, "--out", out, "--quiet").exit_code == 0
    assert left == [60, 60]
    assert read_table(out) == whole
    assert not (folder / ".stopped.csv.so-far").exists()


def test_what_another_grading_left_is_not_mixed_in(run, folder, eyes):
    out = folder / "mixed.csv"
    (folder / ".mixed.csv.so-far").write_text('{"model": "another"}\n')
    done = fedrima("predict", run, write_manifest(folder / "all.csv", eyes), "--out", out)
    assert done.exit_code == 2
    assert "another grading" in done.stderr


@pytest.fixture(scope="module")
def onboarded(folder, eyes):
    evaluation = {"every": 2, "bootstrap": 0, "onboarding": {"archive": 10, "counts": "known"}}
    return trained(folder, eyes, evaluation=evaluation, name="onboarded")


def test_adapted_it_gives_the_scores_of_the_run_that_onboards(onboarded, folder, eyes):
    rows = unseen(eyes, "unseen-1")
    site = face.load(onboarded).config
    cases = _cases(site)
    archive, judged = set_archive_apart(cases, 10, generator(0, "unseen-1", "archive"))
    ids = [case.case_id for case in cases]
    kept = write_manifest(folder / "archive.csv", _rows(rows, [ids[at] for at in archive]))
    grades = [cases[at].label for at in archive]
    counts = folder / "counts.csv"
    counts.write_text(f"grade,count\nill,{sum(grades)}\nhealthy,{grades.count(0)}\n")
    given = [r for r in _rows(rows, [ids[at] for at in judged]) if r["fundus"] and r["oct"]]
    for condition, some in {"both": given, "oct": without(given, "fundus")}.items():
        manifest = write_manifest(folder / "judged.csv", some)
        found = graded(onboarded, manifest, "--adapt", kept, "--counts", counts)
        expected = {
            row["case_id"]: [float(row["p_0"]), float(row["p_1"])]
            for row in read_table(onboarded / "onboarding.csv")
            if (row["procedure"], row["condition"]) == (DEFAULT.name, condition)
        }
        assert found
        for row in found:
            answer = [float(row["p_0"]), float(row["p_1"])]
            np.testing.assert_allclose(answer, expected[row["case_id"]], rtol=1e-9)


def _cases(config):
    return open_source(config, check=False).open("unseen-1").cases


def _rows(rows, ids):
    return [row for row in rows if row["case_id"] in ids]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("grade,count\nhealthy,3\n", "no count of ill"),
        ("grade,count\nhealthy,3\nill,2.5\n", "line 3: count is '2.5'"),
        ("grade,count\nhealthy,3\nsick,2\n", "line 3: unknown grade 'sick'"),
        ("grade,count\nhealthy,0\nill,0\n", "all counts are 0"),
    ],
)
def test_counts_that_cannot_be_are_refused(run, folder, eyes, text, words):
    (folder / "wrong.csv").write_text(text)
    manifest = write_manifest(folder / "all.csv", eyes)
    options = ["--adapt", manifest, "--counts", folder / "wrong.csv", "--out", folder / "no.csv"]
    done = fedrima("predict", run, manifest, *options)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())


def test_with_local_statistics_one_sites_eyes_get_the_scores_of_that_site(folder, eyes):
    local = trained(folder, eyes, model={"normalisation": "local"}, name="statistics")
    rows = sorted(unseen(eyes, "unseen-2"), key=lambda row: row["case_id"])
    found = graded(local, write_manifest(folder / "local.csv", rows))
    expected = {c: scored(local, c) for c in ("both", "fundus", "oct")}
    for row in found:
        condition = "both" if "+" in row["modalities"] else row["modalities"]
        assert (row["p_0"], row["p_1"]) == expected[condition][row["case_id"]]


def test_sites_with_models_of_their_own_are_asked_for_by_name(folder, eyes):
    own = trained(folder, eyes, method="local", name="own")
    manifest = write_manifest(folder / "unseen.csv", without(unseen(eyes), "oct"))
    done = fedrima("predict", own, manifest, "--out", folder / "none.csv")
    assert done.exit_code == 2
    assert "say whose: clinic, hospital, imaging" in done.stderr
    found = graded(own, manifest, "--site", "clinic")
    expected = {
        row["case_id"]: (row["p_0"], row["p_1"])
        for row in read_table(own / "predictions.csv")
        if (row["condition"], row["model"]) == ("fundus", "clinic")
    }
    assert probabilities(found) == expected


def test_it_never_writes_over_a_table(run, folder, eyes):
    (folder / "there.csv").write_text("mine")
    manifest = write_manifest(folder / "all.csv", eyes)
    done = fedrima("predict", run, manifest, "--out", folder / "there.csv")
    assert done.exit_code == 2
    assert "there already" in done.stderr
    assert (folder / "there.csv").read_text() == "mine"


def test_it_says_where_an_eye_is_unlike_the_training_eyes(run, folder, eyes):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "noise.png")
    rows = [*unseen(eyes), {**eyes[0], "case_id": "noise", "fundus": "noise.png", "oct": ""}]
    found = graded(run, write_manifest(folder / "odd.csv", rows))
    assert found[-1]["unlike"] == "fundus"
    assert float(found[-1]["fundus_farther_than"]) == 1.0
    for modality in ("fundus", "oct"):
        having = [row for row in found[:-1] if modality in row["modalities"]]
        shares = np.sort([float(row[f"{modality}_farther_than"]) for row in having])
        # These are the eyes that the run's quantiles are of: their shares are their ranks.
        np.testing.assert_allclose(shares, np.linspace(0, 1, len(shares)), atol=1 / len(shares))
    assert all(row["oct_farther_than"] == "" for row in found if row["modalities"] == "fundus")


def test_a_run_without_prototypes_has_no_such_column(folder, eyes):
    plain = trained(folder, eyes, method="fedavg", name="plain")
    found = graded(plain, write_manifest(folder / "few.csv", eyes[:3]))
    assert set(found[0]) == {"case_id", "patient_id", "grade", "p_0", "p_1", "modalities", "doubts"}


def test_a_page_shows_the_worst_eyes_first(run, folder, eyes):
    manifest = write_manifest(folder / "paged.csv", unseen(eyes)[:6])
    found = graded(run, manifest, "--page", folder / "eyes.html")
    page = (folder / "eyes.html").read_text()
    worst = sorted(found, key=lambda row: -float(row["p_1"]))
    places = [page.index(f"<h3>{row['case_id']}: {row['grade']}</h3>") for row in worst]
    assert places == sorted(places)
    assert "where it looked" in page
    for row in found:
        assert f"ill {100 * float(row['p_1']):.1f} %" in page


SETS = {"coverage": 0.8, "cases": 8}


@pytest.fixture(scope="module")
def with_sets(folder, eyes):
    evaluation = {"every": 9, "bootstrap": 0, "validation": 0.3}
    sets = SETS | {"calibrate": "federated"}
    return trained(folder, eyes, evaluation=evaluation | {"sets": sets}, name="sets")


def condition_of(row):
    return "both" if "+" in row["modalities"] else row["modalities"]


def expected_set(row, threshold):
    """Return the names of the grades of a set, as the definition has it."""
    p = [float(row["p_0"]), float(row["p_1"])]
    kept = [name for name, of in zip(("healthy", "ill"), p, strict=True) if of >= threshold]
    return "; ".join(kept or [("healthy", "ill")[int(p[1] > p[0])]])


def test_a_run_calibrated_over_the_federation_gives_every_eye_a_set(with_sets, folder, eyes):
    out = folder / "sets-out.csv"
    manifest = write_manifest(folder / "sets.csv", unseen(eyes))
    done = fedrima("predict", with_sets, manifest, "--out", out)
    assert "not promised at another hospital" in " ".join(done.stdout.split())
    pooled = face.load(with_sets).results.sets.pooled
    for row in read_table(out):
        assert row["set"] == expected_set(row, pooled[condition_of(row)].threshold)


def test_graded_eyes_of_the_hospital_calibrate_each_condition(with_sets, run, folder, eyes):
    """Against the definition, on the probabilities that the run itself gave these eyes."""
    kept, rest = unseen(eyes, "unseen-1"), unseen(eyes, "unseen-2")
    names = [{**row, "grade": ("healthy", "ill")[int(row["grade"])]} for row in kept]
    given = write_manifest(folder / "graded.csv", names)
    manifest = write_manifest(folder / "rest.csv", rest)
    label = {row["case_id"]: int(row["grade"]) for row in kept}
    for finished, coverage in ((with_sets, 0.8), (run, 0.9)):  # the one has no sets of its own
        found = graded(finished, manifest, "--calibrate", given)
        thresholds = {}
        for condition in ("both", "fundus", "oct"):
            true = sorted(
                (
                    float(p[label[case]])
                    for case, p in scored(finished, condition).items()
                    if case in label
                ),
                reverse=True,
            )
            rank = int(np.ceil(np.round((len(true) + 1) * coverage, 9)))
            thresholds[condition] = true[rank - 1] if rank <= len(true) else 0.0
        assert min(thresholds.values()) > 0
        for row in found:
            assert row["set"] == expected_set(row, thresholds[condition_of(row)])


def test_too_few_graded_eyes_give_sets_of_all_grades_and_say_so(run, folder, eyes):
    kept = without(unseen(eyes, "unseen-1"), "oct")[:5]
    manifest = write_manifest(folder / "one-camera.csv", without(unseen(eyes, "unseen-2"), "oct"))
    given = write_manifest(folder / "five.csv", [*kept, {**eyes[0], "case_id": "x", "grade": ""}])
    out = folder / "five-out.csv"
    done = fedrima("predict", run, manifest, "--out", out, "--calibrate", given)
    words = " ".join(done.stdout.split())
    assert "calibrated on 5 graded eyes for a coverage of 0.9; 1 of its rows" in words
    assert "0 for both, 5 for fundus and 0 for oct" in words
    assert "It takes 9 at least" in words
    assert {row["set"] for row in read_table(out)} == {"healthy; ill"}


def test_no_set_is_given_that_promises_nothing(with_sets, folder, eyes):
    manifest = write_manifest(folder / "some.csv", unseen(eyes, "unseen-2"))
    archive = write_manifest(folder / "archive-of-one.csv", unseen(eyes, "unseen-1"))
    counts = folder / "even.csv"
    counts.write_text("grade,count\nhealthy,12\nill,12\n")
    adapted = graded(with_sets, manifest, "--adapt", archive, "--counts", counts)
    assert "set" not in adapted[0]  # the run's thresholds are not of adapted answers
    some = graded(
        with_sets, manifest, "--adapt", archive, "--counts", counts, "--calibrate", archive
    )
    assert all(row["set"] for row in some)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grade": "sick"}, "line 2: grade is 'sick'; allowed: healthy, ill, 0, 1"),
        ({"patient_id": "unseen-2-p3"}, "1 patient, such as 'unseen-2-p3'"),
        ({"fundus": "absent.png", "oct": ""}, "no graded eye can be read"),
    ],
)
def test_graded_eyes_that_cannot_be_calibrated_on_are_refused(run, folder, eyes, changes, words):
    kept = [unseen(eyes, "unseen-1")[0] | changes]
    given = write_manifest(folder / "wrong-graded.csv", kept)
    manifest = write_manifest(folder / "some.csv", unseen(eyes, "unseen-2"))
    done = fedrima("predict", run, manifest, "--out", folder / "no.csv", "--calibrate", given)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
