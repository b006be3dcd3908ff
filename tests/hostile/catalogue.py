"""Replies that no honest site sends, by name: what `docs/trust.md` lists and the tests run.

Each takes the honest reply and spoils it. Those of a table of values, a key at a time, are made by
a loop, so that a kind of fault is tried wherever it can be.
"""

import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict

Exchange = Literal["card", "statistics", "train", "sums", "evaluate"]
Spoil = Callable[[RecordDict], None]


@dataclass(frozen=True)
class Attack:
    """A kind of hostile reply.

    Attributes
    ----------
    name : str
        ``train: report.examples = -1``.
    on : str
        The exchange that it answers.
    answer : callable
        Returns what the site returns instead of its honest reply.
    """

    name: str
    on: Exchange
    answer: Callable[[Message], Any]


def attacks() -> list[Attack]:
    """Return the whole catalogue."""
    found = [
        *_whole("train", "parameters", "report"),
        *_whole("statistics", "bank.oct", None),
        *_whole("sums", "sums.oct", None),
        *_whole("evaluate", "scores", "cases"),
        *_whole("card", None, "card"),
        *_updates(),
        *_statistics(),
        *_sums(),
        *_scores(),
        *_cards(),
    ]
    names = [attack.name for attack in found]
    assert len(set(names)) == len(names)
    return found


def by_name() -> dict[str, Attack]:
    """Return the catalogue by name."""
    return {attack.name: attack for attack in attacks()}


# Making an attack


def _spoiling(on: Exchange, words: str, spoil: Spoil) -> Attack:
    def answer(reply: Message) -> Message:
        spoil(reply.content)
        return reply

    return Attack(f"{on}: {words}", on, answer)


def _array(on: Exchange, record: str, key: str, words: str, change: Callable[[Any], Any]) -> Attack:
    """Spoil the first array whose name ends so."""

    def spoil(content: RecordDict) -> None:
        arrays = content.array_records[record]
        name = next(n for n in arrays if n.endswith(key))
        changed = change(arrays[name].numpy().copy())
        arrays[name] = changed if isinstance(changed, Array) else Array(np.asarray(changed))

    return _spoiling(on, f"{record}/{key} {words}", spoil)


def _text(on: Exchange, record: str, words: str, change: Callable[[dict[str, Any]], Any]) -> Attack:
    """Spoil what the JSON of a record says."""

    def spoil(content: RecordDict) -> None:
        value = json.loads(str(content.config_records[record]["json"]))
        changed = change(value)
        content[record] = ConfigRecord({"json": json.dumps(value if changed is None else changed)})

    return _spoiling(on, f"{record} {words}", spoil)


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what puts a value at a dotted path; ``*`` is the first key there."""

    def change(content: dict[str, Any]) -> None:
        *above, last = path.split(".")
        for key in above:
            content = content[next(iter(content)) if key == "*" else key]
        if isinstance(content, list):
            content[int(last)] = value
        else:
            content[next(iter(content)) if last == "*" else last] = value

    return change


def _saved(values: np.ndarray, **changes: Any) -> bytes:
    """Return bytes of numpy's format, with a head that may lie."""
    head = {"descr": values.dtype.str, "fortran_order": False, "shape": values.shape} | changes
    text = (str(head) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + values.tobytes()


def _raw(data: bytes) -> Array:
    return Array("float32", (1,), "numpy.ndarray", data)


class _Marker:
    """Would leave a file behind, if anybody unpickled it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("hostile-was-here", "w")


def _pickled() -> Array:
    out = io.BytesIO()
    np.save(out, np.array([_Marker()], dtype=object), allow_pickle=True)
    return _raw(out.getvalue())


BAD_ARRAYS: dict[str, Callable[[np.ndarray], Any]] = {
    "of zero bytes": lambda v: _raw(b""),
    "without a head": lambda v: _raw(v.tobytes()),
    "cut short": lambda v: _raw(_saved(v)[:-3]),
    "with bytes to spare": lambda v: _raw(_saved(v) + bytes(400)),
    "with a head that promises a terabyte": lambda v: _raw(_saved(v, shape=(2**38,))),
    "with a negative length": lambda v: _raw(_saved(v, shape=(-1,))),
    "with a head of code": lambda v: _raw(_saved(v, shape="__import__('os')")),
    "of Python objects": lambda v: _pickled(),
    "of a later format": lambda v: _raw(b"\x93NUMPY\x03\x00" + _saved(v)[8:]),
    "of strings": lambda v: np.full(v.shape, "text"),
    "of complex numbers": lambda v: v.astype(np.complex64),
    "of truth values": lambda v: v.astype(bool),
    "of other precision": lambda v: v.astype(np.float64 if v.dtype == np.float32 else np.float32),
    "with a dimension more": lambda v: v[None],
    "twice as long": lambda v: np.concatenate([np.atleast_1d(v)] * 2),
    "empty": lambda v: v.reshape(-1)[:0],
}
NOT_FINITE: dict[str, Callable[[np.ndarray], Any]] = {
    "with NaN": lambda v: _with(v, np.nan),
    "with infinity": lambda v: _with(v, np.inf),
    "with minus infinity": lambda v: _with(v, -np.inf),
    "of 1e30": lambda v: _with(v, 1e30),
    "of -1e9": lambda v: _with(v, -1e9),
}
BAD_NUMBERS: dict[str, Any] = {
    "NaN": math.nan,
    "inf": math.inf,
    "-5": -5,
    "-71.9": -71.9,
    "1e300": 1e300,
    "text": "many",
    "null": None,
    "true": True,
    "a list": [1],
}


def _with(values: np.ndarray, value: float) -> np.ndarray:
    values.reshape(-1)[0] = value
    return values


def _repeated(content: RecordDict, record: str, key: str, times: int) -> None:
    arrays = content.array_records[record]
    arrays[key] = Array(np.repeat(arrays[key].numpy(), times, axis=0))


# The catalogue


def _whole(on: Exchange, arrays: str | None, text: str | None) -> Iterator[Attack]:
    """Faults of a whole reply, tried in every exchange."""
    name = arrays or text
    assert name is not None

    def answering(words: str, answer: Callable[[Message], Any]) -> Attack:
        return Attack(f"{on}: {words}", on, answer)

    def raising(error: BaseException) -> Callable[[Message], Any]:
        def answer(reply: Message) -> Any:
            raise error

        return answer

    yield answering("an exception", raising(ArithmeticError("trouble")))
    yield answering("the end of the process asked for", raising(SystemExit(3)))
    yield answering("no message", lambda reply: None)
    yield answering("text instead of a message", lambda reply: "done")
    yield answering("an error that fills a screen", _error("\x1b[2J" + "x" * 10**6))
    yield answering("an error without a reason", _error(""))
    yield answering("as another node", _as_another_node)
    if on not in ("statistics", "sums"):  # a site of few cases has none of a modality
        yield _spoiling(on, f"no {name}", lambda c: _drop(c, name))
    yield _spoiling(on, "a record nobody asked for", lambda c: c.update({"more": ConfigRecord()}))
    yield _spoiling(on, f"{name} as numbers", lambda c: _replace(c, name, MetricRecord({"a": 1.0})))
    if arrays is not None:
        extra = {"more": Array(np.zeros(3, np.float32))}
        yield _spoiling(on, f"{arrays} with one more", lambda c: c[arrays].update(extra))
        yield _spoiling(
            on,
            f"{arrays} with a name of 10,000 letters",
            lambda c: c[arrays].update({"n" * 10_000: Array(np.zeros(3, np.float32))}),
        )
        yield _spoiling(
            on,
            f"{arrays} of 50 MB",
            lambda c: c[arrays].update({"more": Array(np.zeros(12_500_000, np.float32))}),
        )
    if text is not None:
        for words, content in {
            "no JSON": "{",
            "an empty text": "",
            "a list": "[]",
            "a number": "7",
            "nothing inside": "{}",
            "10,000 deep": "[" * 10_000,
            "an integer of 5,000 digits": '{"site": ' + "9" * 5_000 + "}",
        }.items():
            yield _spoiling(on, f"{text} is {words}", _says(text, content))
        yield _spoiling(on, f"{text} of 5 MB", _says(text, json.dumps({"site": "x" * 5_000_000})))
        yield _spoiling(on, f"{text} without its key", lambda c: c.update({text: ConfigRecord()}))
        yield _text(on, text, "with one key more", lambda c: c.update(more=1))


def _drop(content: RecordDict, name: str) -> None:
    del content[name]


def _replace(content: RecordDict, name: str, record: Any) -> None:
    del content[name]
    content[name] = record


def _says(record: str, text: str) -> Spoil:
    return lambda content: content.update({record: ConfigRecord({"json": text})})


def _error(reason: str) -> Callable[[Message], Message]:
    return lambda reply: _in_place_of(reply, Error(1, reason))


def _in_place_of(reply: Message, error: Error) -> Message:
    from flwr.app.message import make_message

    return make_message(metadata=reply.metadata, error=error)


def _as_another_node(reply: Message) -> Message:
    reply.metadata.__dict__["_src_node_id"] = 1 + reply.metadata.src_node_id
    return reply


def _updates() -> Iterator[Attack]:
    weight, variance, counter = "weight", "running_var", "num_batches_tracked"
    for words, change in (BAD_ARRAYS | NOT_FINITE).items():
        yield _array("train", "parameters", weight, words, change)
    for words, change in NOT_FINITE.items():
        yield _array("train", "parameters", variance, words, change)
    yield _array("train", "parameters", variance, "of -1", lambda v: _with(v, -1.0))
    yield _array("train", "parameters", counter, "of -5", lambda v: v - 1_000_000)
    yield _array("train", "parameters", counter, "of 2^62", lambda v: v * 0 + 2**62)
    yield _array("train", "parameters", counter, "as a float", lambda v: np.float32(3))
    yield _spoiling("train", "a module without one of its arrays", _forget_an_array)
    yield _spoiling("train", "the buffers of the server", _send_buffers)
    yield _spoiling(
        "train", "a weight under another name", lambda c: _rename(c, "../../evil.weight")
    )
    for path in (
        "cases.*",
        "losses.*",
        "examples",
        "transport.couplings",
        "transport.not_converged",
        "transport.left_out_classes",
    ):
        for words, value in BAD_NUMBERS.items():
            if path == "losses.*" and words in ("-5", "-71.9"):
                continue  # a loss may be below 0
            yield _text("train", "report", f"{path} = {words}", _set(path, value))
    yield _text("train", "report", "cases.* = 1000000000", _set("cases.*", 10**9))
    yield _text("train", "report", "cases.* = one more", lambda c: _raise_cases(c))
    yield _text("train", "report", "without cases", lambda c: c.update(cases={}))
    yield _text("train", "report", "cases of what it did not train", _set("cases.evil", 1))
    yield _text("train", "report", "site = another", _set("site", "honest"))
    yield _text("train", "report", "site = ../../evil", _set("site", "../../evil"))
    yield _text("train", "report", "site = 7", _set("site", 7))
    yield _text("train", "report", "a loss named <script>", _set("losses.<script>", 1.0))
    yield _text(
        "train",
        "report",
        "10,000 losses",
        lambda c: c.update(losses={f"l{i}": 0.0 for i in range(9999)}),
    )
    for key in ("site", "transport"):
        for words, value in {"NaN": math.nan, "inf": math.inf, "-1": -1.0, "a list": [1.0]}.items():
            yield _spoiling("train", f"clock {key} = {words}", _tick(key, value))
    yield _spoiling("train", "clock without a key", lambda c: c.update(clock=MetricRecord()))


def _tick(key: str, value: Any) -> Spoil:
    return lambda content: content.metric_records["clock"].update({key: value})


def _raise_cases(content: dict[str, Any]) -> None:
    first = next(iter(content["cases"]))
    content["cases"][first] += 1


def _forget_an_array(content: RecordDict) -> None:
    del content.array_records["parameters"][next(iter(content.array_records["parameters"]))]


def _rename(content: RecordDict, name: str) -> None:
    arrays: ArrayRecord = content.array_records["parameters"]
    arrays[name] = arrays.pop(next(iter(arrays)))


def _send_buffers(content: RecordDict) -> None:
    content.array_records["parameters"]["transport.plan"] = Array(np.zeros((2, 2), np.float32))


def _statistics() -> Iterator[Attack]:
    bank = "bank.oct"
    for words, change in (BAD_ARRAYS | NOT_FINITE).items():
        yield _array("statistics", bank, "means", words, change)
    for words in ("with NaN", "with infinity", "of -1e9"):
        yield _array("statistics", bank, "variances", words, NOT_FINITE[words])
    yield _array("statistics", bank, "variances", "of -1", lambda v: _with(v, -1.0))
    yield _array("statistics", bank, "variances", "of other width", lambda v: v[:, :-1])
    yield _array("statistics", bank, "means", "of other width", lambda v: v[:, :-1])
    for words, value in {"0": 0.0, "-3": -3.0, "NaN": np.nan, "inf": np.inf, "1e9": 1e9}.items():
        yield _array(
            "statistics", bank, "counts", f"of {words}", lambda v, value=value: _with(v, value)
        )
    yield _array("statistics", bank, "counts", "one too many", lambda v: v + 1000)
    yield _array("statistics", bank, "labels", "above the classes", lambda v: v + 40)
    yield _array("statistics", bank, "labels", "below 0", lambda v: v - 40)
    yield _array("statistics", bank, "labels", "as floats", lambda v: v.astype(np.float64))
    yield _array("statistics", bank, "labels", "all of one class", lambda v: v * 0)
    yield _spoiling("statistics", "of no cluster", _no_cluster)
    yield _spoiling("statistics", "each cluster 1,000 times", _many_clusters)
    yield _spoiling(
        "statistics", "of a modality that there is not", lambda c: c.update({"bank.ct": c[bank]})
    )


def _no_cluster(content: RecordDict) -> None:
    arrays = content.array_records["bank.oct"]
    for name in arrays:
        arrays[name] = Array(arrays[name].numpy()[:0])


def _many_clusters(content: RecordDict) -> None:
    for name in list(content.array_records["bank.oct"]):
        _repeated(content, "bank.oct", name, 1000)


def _sums() -> Iterator[Attack]:
    sums = "sums.oct"
    for words, change in (BAD_ARRAYS | NOT_FINITE).items():
        yield _array("sums", sums, "means", words, change)
    for words in ("with NaN", "with infinity", "with minus infinity", "of 1e30", "of -1e9"):
        yield _array("sums", sums, "scatter", words, NOT_FINITE[words])
    yield _array("sums", sums, "scatter", "of other precision", lambda v: v.astype(np.float32))
    yield _array("sums", sums, "scatter", "one number short", lambda v: v[:-1])
    yield _array("sums", sums, "scatter", "beyond what its own variances allow", _correlated)
    yield _array("sums", sums, "means", "of other width", lambda v: v[:, :-1])
    for words, value in {"-1": -1, "-2^62": -(2**62), "2^62": 2**62, "1e9": 10**9}.items():
        yield _array("sums", sums, "counts", f"of {words}", lambda v, value=value: _first(v, value))
    yield _array("sums", sums, "counts", "as floats", lambda v: v.astype(np.float64))
    yield _array("sums", sums, "counts", "of one class more", lambda v: np.append(v, 1))
    yield _array("sums", sums, "counts", "all 0", lambda v: v * 0)
    yield _spoiling("sums", "means of a class without cases", _class_without_cases)
    yield _spoiling("sums", "no counts", lambda c: _forget(c, sums, "counts"))
    yield _spoiling(
        "sums", "of a modality that there is not", lambda c: c.update({"sums.ct": c[sums]})
    )


def _first(values: np.ndarray, value: int) -> np.ndarray:
    values[0] = value
    return values


def _class_without_cases(content: RecordDict) -> None:
    arrays = content.array_records["sums.oct"]
    arrays["counts"] = Array(arrays["counts"].numpy() * [1, 0])
    arrays["means"] = Array(arrays["means"].numpy() + 1)


def _forget(content: RecordDict, record: str, key: str) -> None:
    del content.array_records[record][key]


def _correlated(scatter: np.ndarray) -> np.ndarray:
    scatter[1] = 1e6  # of the first two features
    return scatter


def _scores() -> Iterator[Attack]:
    table = "probabilities.both"
    for words, change in BAD_ARRAYS.items():
        yield _array("evaluate", "scores", table, words, change)
    for words, value in {
        "5": 5.0,
        "-0.5": -0.5,
        "NaN": np.nan,
        "inf": np.inf,
    }.items():
        yield _array(
            "evaluate", "scores", table, f"of {words}", lambda v, value=value: _with(v, value)
        )
    yield _array("evaluate", "scores", table, "that add up to 2", lambda v: 2 * v)
    yield _array("evaluate", "scores", table, "of one class more", lambda v: np.c_[v, v[:, :1]])
    yield _array("evaluate", "scores", "rows.both", "out of range", lambda v: v + 1000)
    yield _array("evaluate", "scores", "rows.both", "below 0", lambda v: v - 1000)
    yield _array("evaluate", "scores", "rows.both", "all the same", lambda v: v * 0)
    yield _array("evaluate", "scores", "rows.both", "as floats", lambda v: v.astype(np.float64))
    yield _spoiling("evaluate", "each row 20,000 times", _many_rows)
    yield _array("evaluate", "scores", "labels", "above the classes", lambda v: v + 40)
    yield _array("evaluate", "scores", "labels", "below 0", lambda v: v - 40)
    yield _array("evaluate", "scores", "labels", "as floats", lambda v: v.astype(np.float64))
    yield _array("evaluate", "scores", "labels", "all of one class", lambda v: v * 0)
    yield _spoiling("evaluate", "no table of a condition", _forget_a_condition)
    yield _spoiling("evaluate", "half a table of a condition", _forget_rows)
    yield _spoiling("evaluate", "a condition that there is not", _made_up_condition)
    yield _text("evaluate", "cases", "site = another", _set("site", "unseen"))
    yield _text("evaluate", "cases", "site = ../../evil", _set("site", "../../evil"))
    yield _text("evaluate", "cases", "procedures made up", _set("procedures", ["made_up"]))
    yield _text("evaluate", "cases", "procedures = ../x", _set("procedures", ["../x"]))
    yield _text("evaluate", "cases", "case_ids twice", lambda c: _same_ids(c))
    yield _text("evaluate", "cases", "one case more", lambda c: c["case_ids"].append("extra"))
    yield _text("evaluate", "cases", "one patient fewer", lambda c: c["patient_ids"].pop() and None)
    for words, value in {
        "a number": 7,
        "null": None,
        "empty": "",
        "of two lines": "a\nb",
        "of 10,000 letters": "x" * 10_000,
        "with a null byte": "a\x00b",
        "a list": ["a"],
    }.items():
        yield _text("evaluate", "cases", f"a case id {words}", _set("case_ids.0", value))
        yield _text("evaluate", "cases", f"a patient id {words}", _set("patient_ids.0", value))


def _same_ids(content: dict[str, Any]) -> None:
    content["case_ids"] = content["case_ids"][:1] * len(content["case_ids"])


def _many_rows(content: RecordDict) -> None:
    for name in ("rows.both", "probabilities.both"):
        _repeated(content, "scores", name, 20_000)


def _forget_a_condition(content: RecordDict) -> None:
    del content.array_records["scores"]["rows.oct"]
    del content.array_records["scores"]["probabilities.oct"]


def _forget_rows(content: RecordDict) -> None:
    del content.array_records["scores"]["rows.oct"]


def _made_up_condition(content: RecordDict) -> None:
    arrays = content.array_records["scores"]
    arrays["rows.ct"] = arrays["rows.oct"]
    arrays["probabilities.ct"] = arrays["probabilities.oct"]


def _cards() -> Iterator[Attack]:
    for words, path, value in (
        ("name = another", "name", "honest"),
        ("name = unknown", "name", "elsewhere"),
        ("name = ../../evil", "name", "../../evil"),
        ("name = null", "name", None),
        ("group = another", "group", "honest"),
        ("role = held_out", "role", "held_out"),
        ("role = admin", "role", "admin"),
        ("modalities = ct", "modalities", ["ct"]),
        ("modalities = fundus twice", "modalities", ["fundus", "fundus"]),
        ("modalities = none", "modalities", []),
        ("counts of one class more", "cases.both", [1, 1, 1]),
        ("counts of no class", "cases.both", []),
        ("counts = null", "cases", None),
        ("resources = faster", "resources.speed", 50.0),
        ("resources = much faster", "resources.speed", 1e9),
        ("resources = never away", "resources.availability", 2.0),
        ("resources = null", "resources", None),
    ):
        yield _text("card", "card", words, _set(path, value))
    for words, value in BAD_NUMBERS.items():
        yield _text("card", "card", f"a count = {words}", _set("cases.both.0", value))
    yield _text("card", "card", "a count = 1e12", _set("cases.both.0", 10**12))
