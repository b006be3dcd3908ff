import numpy as np
import pytest
from scipy.stats import chi2_contingency
from sklearn.metrics import balanced_accuracy_score, mutual_info_score

from fed.confounds import confounds, device_label_confound, modality_label_confound
from fed.sites import Condition, Resources, Role, SiteCard


def card(name: str, role: Role, **cases: tuple[int, ...]) -> SiteCard:
    filled: dict[Condition, tuple[int, ...]] = {"both": (0, 0), "fundus": (0, 0), "oct": (0, 0)}
    return SiteCard(name, name, role, ("fundus", "oct"), {**filled, **cases}, Resources())


def columns(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    patterns, labels = np.indices(table.shape)
    return np.repeat(patterns, table.ravel()), np.repeat(labels, table.ravel())


@pytest.mark.parametrize("seed", range(5))
def test_mutual_information_equals_scikit_learn(seed: int) -> None:
    table = np.random.default_rng(seed).integers(0, 9, (3, 4))
    found = modality_label_confound(table, seed=0)
    assert found.mutual_information_nats == pytest.approx(mutual_info_score(*columns(table)))


def test_p_value_agrees_with_permuting_the_labels_themselves() -> None:
    table = np.array([[14, 9, 7], [10, 16, 6], [3, 5, 9]])
    patterns, labels = columns(table)
    observed = mutual_info_score(patterns, labels)
    random = np.random.default_rng(1)
    reached = [
        mutual_info_score(patterns, random.permutation(labels)) >= observed for _ in range(400)
    ]
    assert modality_label_confound(table, 0).p_value == pytest.approx(np.mean(reached), abs=0.05)


def test_p_value_agrees_with_the_likelihood_ratio_test_on_many_cases() -> None:
    table = np.array([[400, 300], [210, 190], [330, 200]])
    asymptotic = chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert modality_label_confound(table, 0).p_value == pytest.approx(asymptotic, abs=0.03)


def test_p_values_are_uniform_where_nothing_depends() -> None:
    random = np.random.default_rng(0)
    p_values = [
        modality_label_confound(
            random.multinomial(300, np.outer([0.5, 0.3, 0.2], [0.6, 0.4]).ravel()).reshape(3, 2), 0
        ).p_value
        for _ in range(200)
    ]
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.08)
    assert np.mean(np.array(p_values) <= 0.05) < 0.1


def test_the_raw_collection_is_a_trap_and_paired_eyes_are_not() -> None:
    # Counts of the real eyes by label dme: both, fundus only, OCT only.
    trap = modality_label_confound([[239, 31], [15, 717], [415, 57]], 0)
    assert trap.raised
    assert trap.p_value == 0.001
    assert "predicts its label" in trap.words
    paired = modality_label_confound([[239, 31], [0, 0], [0, 0]], 0)
    assert not paired.raised
    assert paired.mutual_information_nats == 0
    assert paired.p_value == 1
    assert "same modalities" in paired.words


@pytest.mark.parametrize(
    "table", [[[0, 0]] * 3, [[5, 0], [3, 0], [0, 0]], [[1, 0], [0, 1], [0, 0]]]
)
def test_too_little_to_tell_is_not_raised(table: list[list[int]]) -> None:
    found = modality_label_confound(table, 0)
    assert not found.raised
    assert np.isfinite(found.mutual_information_nats)


def test_a_certain_but_tiny_dependence_is_not_raised() -> None:
    found = modality_label_confound([[100_000, 100_000], [98_000, 102_000], [0, 0]], 0)
    assert found.p_value == 0.001
    assert not found.raised


def test_a_federation_is_checked_by_role_and_site() -> None:
    cards = [
        card("clinic", "train", fundus=(90, 10)),
        card("centre", "train", oct=(10, 90)),
        card("mixed", "train", both=(40, 0), fundus=(0, 40)),
        card("unseen", "held_out", both=(50, 50)),
    ]
    found = confounds(cards, seed=0)
    assert found.training.raised
    assert not found.held_out.raised
    assert [name for name, confound in found.sites.items() if confound.raised] == ["mixed"]
    assert confounds(cards, seed=0) == found
    assert [warning.split(":")[0] for warning in found.warnings] == ["training", "mixed"]


def test_a_federation_without_training_cards() -> None:
    assert not confounds([card("unseen", "held_out", both=(5, 5))], 0).training.raised


def test_what_a_device_tells_is_the_best_guess_it_allows() -> None:
    table = np.array([[216, 242, 0], [459, 129, 0], [20, 5, 90]])
    devices, labels = columns(table)
    guesses = (table / table.sum(axis=0)).argmax(axis=1)[devices]
    best = balanced_accuracy_score(labels, guesses)
    found = device_label_confound(table, "camera", 0)
    assert found.raised
    assert found.mutual_information_nats == pytest.approx(mutual_info_score(devices, labels))
    assert (
        f"'camera' alone predicts the label (balanced accuracy {best:.2f} where 0.33" in found.words
    )


@pytest.mark.parametrize("table", [[[40, 40], [39, 41]], [[5, 5]], [[0, 9], [0, 7]], [[0, 0]]])
def test_devices_that_tell_nothing_are_not_raised(table: list[list[int]]) -> None:
    found = device_label_confound(table, "camera", 0)
    assert not found.raised
    assert np.isfinite(found.mutual_information_nats)
