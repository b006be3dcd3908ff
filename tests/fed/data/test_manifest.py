import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fed.config import Config, load
from fed.confounds import Confounds, confounds
from fed.data.manifest import read_manifest
from fed.data.opening import open_source
from fed.data.rows import RowsSource
from fed.errors import UserError
from tests.fed.data.conftest import SITES

HEADER = "case_id,patient_id,laterality,fundus,oct,grade"
TWO = (
    {"name": "clinic", "modalities": ["fundus", "oct"], "cases": 1},
    {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 1},
)
Configuration = Callable[..., Config]
Manifest = Callable[..., Path]
REAL = Path(__file__).parents[3] / "configs" / "real-eyes.yaml"


def eyes(count: int) -> list[str]:
    """Lines of `count` patients with two eyes each, with both modalities."""
    return [
        f"{i}{side},{i},{side},{i}{side}f.png,{i}{side}o.png,{(i + (side == 'OS')) % 2}"
        for i in range(count)
        for side in ("OD", "OS")
    ]


def opened(config: Config) -> RowsSource:
    return RowsSource(config, read_manifest(config))


def of_copies(source: RowsSource) -> list[str]:
    """Return what is said beside the one colour that each image of these tests has."""
    return [words for words in source.warnings if "of one colour" not in words]


def failure(config: Config) -> str:
    with pytest.raises(UserError) as caught:
        open_source(config)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_sites_hold_the_eyes_of_their_patients(
    configuration: Configuration, manifest: Manifest, tmp_path: Path
) -> None:
    manifest(HEADER, *eyes(10), "x,x,OD,xf.png,,")
    source = opened(configuration())
    source.check()
    (account,) = source.accounts
    assert account.words.endswith("21 rows read: 20 used, 1 without a label")
    assert [site.name for site in source.sites] == ["clinic", "unseen"]
    clinic, unseen = (source.open(site.name) for site in source.sites)
    assert len(clinic) == len(unseen) == 10
    assert clinic.card(2).cases["both"] == (5, 5)
    for index, case in enumerate(clinic.cases):
        stored = np.asarray(Image.open(tmp_path / f"{case.case_id}f.png"))
        assert (clinic.images.fundus(index) == stored[0, 0]).all()
        stored = np.asarray(Image.open(tmp_path / f"{case.case_id}o.png"))
        assert (clinic.images.oct(index) == stored[0, 0]).all()
        assert case.label == (int(case.patient_id) + case.case_id.endswith("OS")) % 2
    assert clinic.images.fundus(0).shape == (3, 16, 16)
    assert clinic.images.oct(0).shape == (1, 16, 16)


def test_labels_are_names_or_positions(configuration: Configuration, manifest: Manifest) -> None:
    manifest(
        "case_id,fundus,oct,grade", "a,a.png,,none", "b,b.png,,1", "c,,c.png,some", "d,,d.png,0"
    )
    source = opened(configuration())
    labels = {row.case_id: row.label for row in source.rows}
    assert labels == {"a": 0, "b": 1, "c": 1, "d": 0}


def test_numeric_class_names_are_never_taken_for_positions(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest("case_id,fundus,oct,grade", "a,a.png,,1", "b,b.png,,2", "c,c.png,,2")
    rows = opened(configuration(classes=("1", "2"))).rows
    assert [row.label for row in rows] == [0, 1, 1]
    manifest("case_id,fundus,oct,grade", "a,a.png,,0", "b,b.png,,1")
    assert "grade is '0'; allowed: 1, 2" in failure(configuration(classes=("1", "2")))


def test_without_patient_column_every_case_is_a_patient(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest("case_id,fundus,oct,grade", *(f"e{i},{i}.png,,{i % 2}" for i in range(6)))
    assert {row.patient_id for row in opened(configuration()).rows} == {f"e{i}" for i in range(6)}


def test_spreadsheet_dialects(configuration: Configuration, manifest: Manifest) -> None:
    path = manifest(HEADER, *eyes(4))
    text = path.read_text()
    for dialect in (text.replace(",", ";"), text.replace(",", "\t"), text.replace("\n", "\r\n")):
        path.write_text("\ufeff" + dialect + "\n\n", encoding="utf-8")
        assert len(opened(configuration()).rows) == 8


def test_quoted_cells_may_hold_commas_and_lines(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest(HEADER + ",note", *(f'{line},"one, two\nthree"' for line in eyes(3)))
    rows = opened(configuration()).rows
    assert {row.attributes["note"] for row in rows} == {"one, two\nthree"}


def test_required_modalities(configuration: Configuration, manifest: Manifest) -> None:
    manifest(HEADER, *eyes(4), "x,x,OD,xf.png,,1", "y,y,OD,,yo.png,1", "z,z,OD,,,1")
    assert len(opened(configuration()).rows) == 10
    assert len(opened(configuration(require=["fundus"])).rows) == 9
    assert len(opened(configuration(require=["fundus", "oct"])).rows) == 8


def test_ownership_takes_modalities_away(configuration: Configuration, manifest: Manifest) -> None:
    manifest(HEADER, *eyes(30))
    sites = [
        {"name": "screen", "modalities": ["fundus"], "cases": 5},
        {"name": "scan", "modalities": ["oct"], "cases": 5},
        {"name": "half", "modalities": {"fundus": 1.0, "oct": 0.5}, "cases": 10},
        {"name": "apart", "modalities": ["fundus", "oct"], "paired": 0.0, "cases": 5},
        {"name": "unseen", "role": "held_out", "modalities": ["fundus", "oct"], "cases": 5},
    ]
    source = opened(configuration(sites))
    held = {site.name: source.open(site.name) for site in source.sites}
    assert {case.modalities for case in held["screen"].cases} == {("fundus",)}
    assert {case.modalities for case in held["scan"].cases} == {("oct",)}
    assert {case.modalities for case in held["half"].cases} == {("fundus",), ("fundus", "oct")}
    assert len(held["half"]) == 20
    apart = held["apart"]
    assert len(apart) == 20
    for index, case in enumerate(apart.cases):
        getattr(apart.images, case.modalities[0])(index)


def test_sites_by_column(configuration: Configuration, manifest: Manifest) -> None:
    lines = [f"{line},{'north' if i < 8 else 'south'}" for i, line in enumerate(eyes(8))]
    manifest(HEADER + ",clinic", *lines)
    sites = [
        {"name": "clinic", "modalities": ["fundus", "oct"], "cases": ["north"]},
        {"name": "unseen", "role": "held_out", "modalities": ["oct"], "cases": ["south"]},
    ]
    source = opened(configuration(sites, site_column="clinic"))
    assert {case.patient_id for case in source.open("clinic").cases} == {"0", "1", "2", "3"}
    assert {case.patient_id for case in source.open("unseen").cases} == {"4", "5", "6", "7"}
    sites[0]["cases"] = ["nort"]
    message = failure(configuration(sites, site_column="clinic"))
    assert "sites.clinic.cases" in message
    assert "did you mean 'north'" in message
    assert "data.site_column: needed" in failure(configuration(sites))
    assert "did you mean 'clinic'" in failure(configuration(sites, site_column="clinik"))


def test_a_patient_at_two_sites_is_refused(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest(HEADER + ",clinic", "a,7,OD,a.png,,0,north", "b,7,OS,b.png,,1,south")
    sites = [
        {"name": "clinic", "modalities": ["fundus", "oct"], "cases": ["north"]},
        {"name": "unseen", "role": "held_out", "modalities": ["fundus"], "cases": ["south"]},
    ]
    assert "patient 7 is at several sites (north, south)" in failure(
        configuration(sites, site_column="clinic")
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([HEADER], ["no usable row: 0 in all"]),
        (["", ""], ["the table is empty"]),
        (["patient,fundus,oct,grade"], ["no column 'case_id'", "The columns are: patient,"]),
        ([HEADER + ",oct"], ["two columns are named 'oct'"]),
        (["case_id,patient_id,fundos,oct,grade", "a,a,f.png,,0"], ["'fundus'", "'fundos'"]),
        ([HEADER.replace("grade", "dr_grade"), "a,a,OD,f.png,,0"], ["'grade'", "'dr_grade'"]),
        ([HEADER, "a,a,OD,f.png,,"], ["no usable row: 1 in all", "'grade'"]),
        ([HEADER, "a,a,OD,,,0"], ["no usable eye"]),
        ([HEADER, *eyes(3), "z,z,OD,f.png,,mild"], ["line 8", "'mild'", "none, some, 0, 1"]),
        ([HEADER, *eyes(3), "z,z,OD,f.png,,2"], ["line 8", "'2'", "none, some, 0, 1"]),
        ([HEADER, *eyes(3), "z,z,OD,f.png,,1.5"], ["line 8", "'1.5'"]),
        ([HEADER, *eyes(3), "0OD,z,OD,f.png,,1"], ["case 0OD is there 2 times"]),
        ([HEADER, *eyes(3), "z,z,OD,0ODf.png,,1"], ["0ODf.png", "both case 0OD and case z"]),
        ([HEADER, *eyes(3), "z,0,OD,f.png,,1"], ["patient 0, eye OD has two labels", "line 2"]),
        ([HEADER, *eyes(3), "z,z,OD,f.png,,1,9"], ["line 8: 7 cells"]),
        ([HEADER, *eyes(3), ",z,OD,f.png,,1"], ["line 8: case_id is empty"]),
        ([HEADER, *eyes(1)], ["sites", "1 patient"]),
    ],
)
def test_a_wrong_manifest_is_refused_in_one_line(
    configuration: Configuration, manifest: Manifest, lines: list[str], words: list[str]
) -> None:
    path = manifest(*lines)
    message = failure(configuration())
    assert all(word in message for word in words), message
    assert str(path) in message or "case" in message


def test_a_patient_with_two_labels_and_no_laterality_stays_together_and_is_counted(
    configuration: Configuration, manifest: Manifest
) -> None:
    lines = [f"{i}{eye},{i},{i}{eye}.png,,{k % 2}" for i in range(12) for k, eye in enumerate("ab")]
    manifest("case_id,patient_id,fundus,oct,grade", *lines)
    source = opened(configuration())
    for site in source.sites:
        kept = [case.patient_id for case in source.open(site.name).cases]
        assert all(kept.count(patient) == 2 for patient in kept)
    (warning,) = source.warnings
    assert "12 patients have images of several labels and no laterality" in warning
    assert warning.endswith("0; 1; 10; 11; 2; 3; 4; 5; 6; 7; and 2 more")


def test_labels_as_spreadsheets_and_pandas_write_them(
    configuration: Configuration, manifest: Manifest
) -> None:
    labels = ["0.0", "1.0", "1", "NA", "NaN", "nan", "<NA>", "null", "n/a", ""]
    manifest(
        "case_id,fundus,oct,grade", *(f"e{i},e{i}.png,,{label}" for i, label in enumerate(labels))
    )
    source = opened(configuration(TWO))
    assert [row.label for row in source.rows] == [0, 1, 1]
    assert source.accounts[0].left_out["without a label"] == 7


def test_a_class_may_have_the_name_of_what_is_not_known(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest("case_id,fundus,oct,grade", "a,a.png,,NA", "b,b.png,,some", "c,c.png,,nan")
    source = opened(configuration(TWO, classes=("NA", "some")))
    assert [row.label for row in source.rows] == [0, 1]
    assert source.accounts[0].left_out["without a label"] == 1


def test_columns_in_other_case_are_known(configuration: Configuration, manifest: Manifest) -> None:
    manifest("Case_ID,Patient_ID,Laterality,Fundus,OCT,Grade", *eyes(4))
    rows = opened(configuration()).rows
    assert [row.patient_id for row in rows] == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert {row.attributes["laterality"] for row in rows} == {"OD", "OS"}


@pytest.mark.parametrize(
    ("last", "line", "words"),
    [
        ('"a quote that nobody closes', 6, "a quote is opened and not closed"),
        ('"closed" too early', 6, "text follows a closing quote"),
        ("x" * 200_000, 6, "a cell of more than 131,072 characters"),
    ],
)
def test_a_cell_that_swallows_rows_is_refused_where_it_begins(
    configuration: Configuration, manifest: Manifest, last: str, line: int, words: str
) -> None:
    lines = [f"{text},note" for text in eyes(12)]
    lines[4] = f"{eyes(12)[4]},{last}"
    path = manifest(HEADER + ",note", *lines)
    assert failure(configuration()).startswith(f"{path}, line {line}: {words}")


def test_every_row_is_accounted_for(configuration: Configuration, manifest: Manifest) -> None:
    manifest(
        HEADER + ",clinic",
        *(f"{line},north" for line in eyes(4)),
        *(f"u{i},u{i},OD,u{i}f.png,u{i}o.png,{i % 2},south" for i in range(6)),
        "n1,n1,OD,n1.png,,,north",  # no label
        "w1,w1,OD,w1.png,,1,west",  # a site that no group names
        "w2,w2,OD,w2.png,,1,",
        "x1,x1,OD,,,1,north",  # no image
        "y1,y1,OD,y1.png,,1,south",  # a modality that its site does not own
    )
    sites = [
        {"name": "clinic", "modalities": ["fundus", "oct"], "cases": ["north"], "paired": 0.0},
        {"name": "unseen", "role": "held_out", "modalities": ["oct"], "cases": ["south"]},
    ]
    (account,) = opened(configuration(sites, site_column="clinic")).accounts
    assert account.left_out == {
        "without a label": 1,
        "without an image": 1,
        "without a required modality": 0,
        "without a value in 'clinic'": 1,
        "without an owned modality": 1,
        "at sites that no group names (west)": 1,
    }
    assert (account.read, account.used, account.cases) == (19, 14, 22)
    assert account.words.endswith(
        "19 rows read: 14 used as 22 cases (8 eyes whose two images are not linked), "
        "1 without a label, 1 without an image, 1 without a value in 'clinic', "
        "1 without an owned modality, 1 at sites that no group names (west)"
    )


def test_patients_that_no_group_asks_for_are_counted(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest(HEADER, *eyes(10), "x,x,OD,xf.png,,1")
    sites = [{**SITES[0], "cases": 3}, {**SITES[1], "cases": 3}]
    (account,) = opened(configuration(sites, require=["fundus", "oct"])).accounts
    assert account.words.endswith(
        "21 rows read: 12 used, 1 without a required modality, 8 at no site"
    )


def test_labels_are_mapped_and_others_are_counted(
    configuration: Configuration, manifest: Manifest
) -> None:
    labels = ["0", "1", "2", "0.0", "2.0", "", "weird"]
    manifest(
        "case_id,fundus,oct,grade", *(f"e{i},e{i}.png,,{label}" for i, label in enumerate(labels))
    )
    source = opened(configuration(TWO, labels={0: "none", 2: "some"}))
    assert [row.label for row in source.rows] == [0, 1, 0, 1]
    left_out = source.accounts[0].left_out
    assert left_out["with a label that is not mapped"] == 2
    assert left_out["without a label"] == 1


def test_one_file_under_two_paths_is_one_image(
    configuration: Configuration, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "f").mkdir()
    manifest(HEADER, *eyes(3), "z,z,OD,f/../0ODf.png,,1")
    assert "given for both case 0OD and case z" in failure(configuration())
    (tmp_path / "link.png").symlink_to(tmp_path / "0ODf.png")
    manifest(HEADER, *eyes(3), "z,z,OD,link.png,,1", images=False)
    assert "given for both case 0OD and case z" in failure(configuration())


def test_the_same_bytes_on_both_sides_are_named(
    configuration: Configuration, manifest: Manifest, tmp_path: Path
) -> None:
    manifest(HEADER, *eyes(10))
    source = opened(configuration())
    source.check()
    assert of_copies(source) == []
    trains, judges = (source.open(name).cases for name in ("clinic", "unseen"))
    original = tmp_path / f"{trains[0].case_id}f.png"
    for copy in (judges[0], trains[-1]):
        (tmp_path / f"{copy.case_id}f.png").write_bytes(original.read_bytes())
    source = opened(configuration())
    source.check()
    (warning,) = of_copies(source)
    assert warning.startswith("1 image is the same, byte for byte, at a held-out and at a training")
    assert f"{judges[0].case_id}f.png and " in warning
    (tmp_path / f"{judges[0].case_id}f.png").write_bytes(b"x")
    manifest(HEADER, *eyes(10))
    (tmp_path / f"{trains[-1].case_id}f.png").write_bytes(original.read_bytes())
    source = opened(configuration())
    source.check()
    assert of_copies(source) == ["1 image is a copy, byte for byte, of another on the same side"]


def test_images_of_one_colour_are_named_once_they_are_read(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest(HEADER, *eyes(10))
    source = opened(configuration())
    assert not any("of one colour" in words for words in source.warnings)
    source.check()
    assert any(
        words.startswith("20 fundus images are of one colour: ") for words in source.warnings
    )


def test_a_pipe_in_the_place_of_a_manifest_is_refused(
    configuration: Configuration, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "manifest.csv")
    assert "manifest.csv: not a regular file" in failure(configuration())


@pytest.mark.parametrize("telling", [True, False])
def test_a_device_that_tells_the_label_is_named(
    configuration: Configuration, manifest: Manifest, telling: bool
) -> None:
    lines = [f"e{i},e{i}.png,,{i % 2},{'AB'[(i if telling else i // 2) % 2]}" for i in range(60)]
    manifest("case_id,fundus,oct,grade,Device", *lines)
    warnings = opened(configuration()).warnings
    if telling:
        (warning,) = warnings
        assert warning.startswith("training, fundus: 'Device' alone predicts the label")
        assert "balanced accuracy 1.00 where 0.50 is chance" in warning
    else:
        assert warnings == ()


def test_files_that_are_not_a_manifest(configuration: Configuration, tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    assert f"{path}: cannot be read: No such file" in failure(configuration())
    path.write_bytes(b"")
    assert f"{path}: the table is empty" in failure(configuration())
    path.write_bytes(b"\xff\xfe\x00\x9f")
    assert f"{path}: not a UTF-8 text file" in failure(configuration())
    path.unlink()
    path.mkdir()
    assert f"{path}: the table cannot be read: Is a directory" in failure(configuration())


def test_missing_and_unreadable_images_are_named_together(
    configuration: Configuration, manifest: Manifest, tmp_path: Path
) -> None:
    manifest(HEADER, *eyes(10))
    (tmp_path / "0ODf.png").write_text("nonsense")
    whole = (tmp_path / "1ODo.png").read_bytes()
    (tmp_path / "1ODo.png").write_bytes(whole[: len(whole) // 2])
    for name in (f"{i}OSo.png" for i in range(10)):
        (tmp_path / name).unlink()
    message = failure(configuration())
    assert message.startswith("12 bad image files: ")
    assert message.endswith("; and 2 more")
    assert "0ODf.png: not an image" in message
    assert "1ODo.png: " in message
    assert message.count("No such file") == 8
    assert len(open_source(configuration(), check=False).sites) == 2


def test_the_order_of_rows_does_not_matter_and_a_source_can_be_sent_to_a_worker(
    configuration: Configuration, manifest: Manifest
) -> None:
    manifest(HEADER, *eyes(10))
    first = opened(configuration()).open("clinic").cases
    manifest(HEADER, *eyes(10)[::-1])
    source = opened(configuration())
    assert source.open("clinic").cases == first
    assert pickle.loads(pickle.dumps(source)).open("clinic").cases == first
    assert opened(configuration(seed=1)).open("clinic").cases != first


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["data.label=dme", "task.classes=[absent, present]", "data.require=[]"],
        ["sites.0.labels={dirichlet: 0.3}", "sites.1.labels=[1, 0, 0]"],
    ],
)
def test_no_real_patient_is_on_two_sides(real_eyes: Path, seed: int, overrides: list[str]) -> None:
    config = load([REAL], [f"data.path={real_eyes}", f"seed={seed}", *overrides])
    source = opened(config)
    side: dict[str, str] = {}
    for site in source.sites:
        for case in source.open(site.name).cases:
            assert side.setdefault(case.patient_id, site.name) == site.name
            assert case.case_id.split("/")[0].split("_")[0] == case.patient_id
    roles: dict[str, set[str]] = {"train": set(), "held_out": set()}
    for site in source.sites:
        roles[site.role] |= {case.patient_id for case in source.open(site.name).cases}
    assert roles["train"]
    assert roles["held_out"]
    assert not roles["train"] & roles["held_out"]


def test_the_federation_of_real_eyes(real_eyes: Path) -> None:
    config = load([REAL], [f"data.path={real_eyes}"])
    source = open_source(config)
    held: dict[str, Any] = {site.name: source.open(site.name) for site in source.sites}
    assert sum(len(cases) for cases in held.values()) == 270
    cards = {name: cases.card(3) for name, cases in held.items()}
    assert all(cards[f"tertiary-{i}"].modalities == ("fundus", "oct") for i in (1, 2, 3))
    assert all(cards[f"community-{i}"].modalities == ("fundus",) for i in (1, 2))
    assert all(cards[f"imaging-centre-{i}"].modalities == ("oct",) for i in (1, 2))
    assert min(cards["unseen"].cases["both"]) >= 3
    photograph = held["unseen"].images.fundus(0)
    assert photograph.shape == (3, 96, 96)
    assert photograph[0].mean() > photograph[2].mean()  # a fundus is redder than it is blue
    scan = held["unseen"].images.oct(0)
    assert scan.shape == (1, 64, 128)
    assert scan[0, 20:44].mean() > scan[0, -8:].mean()  # the retina is brighter than below it


def test_raw_real_eyes_are_a_trap_and_paired_ones_are_not(real_eyes: Path) -> None:
    def check(*overrides: str) -> Confounds:
        config = load([REAL], [f"data.path={real_eyes}", *overrides])
        source = opened(config)
        classes = len(config.task.classes)
        return confounds([source.open(site.name).card(classes) for site in source.sites], 0)

    both = "{name: a, modalities: [fundus, oct], cases: 0.7}"
    unseen = "{name: b, role: held_out, modalities: [fundus, oct], cases: 0.3}"
    dme = ["data.label=dme", "task.classes=[absent, present]", f"sites=[{both}, {unseen}]"]
    raw = check(*dme, "data.require=[]")
    assert raw.training.raised
    assert raw.held_out.raised
    assert raw.sites["a"].raised
    assert raw.training.mutual_information_nats > 0.2
    paired = check(*dme)
    assert paired.training.mutual_information_nats == 0
    assert not paired.training.raised
    assert not check().training.raised  # modalities taken away at random, by site
