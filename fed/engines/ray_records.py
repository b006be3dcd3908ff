"""Flower messages as Ray carries them: large arrays lie in the object store and are not copied."""

import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeGuard

import ray
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.app.message import make_message
from flwr.app.metadata import Metadata

from fed.engines.messages import array_bytes
from fed.engines.ray_pages import StorePages

# Ray carries smaller arguments within the call, which is cheaper than a look-up in the store.
STORE_BYTES = 100_000
# A round has a few payloads, one a modality slice. More than these are stored again when they
# come again, so that a round of personal payloads does not fill the store.
KEPT_PAYLOADS = 16

Record = ArrayRecord | MetricRecord | ConfigRecord


class StoredArrays(ArrayRecord):
    """Pickles with its bytes out of band, straight into the object store; comes out plain.

    On the other side ``Array.data`` is a read-only view of the object store, not ``bytes``.
    """

    @classmethod
    def of(cls, record: ArrayRecord) -> "StoredArrays":
        """Share the arrays of ``record``."""
        stored = cls()
        stored.update(record)
        return stored

    def __reduce__(self) -> tuple[Callable[..., ArrayRecord], tuple[object, ...]]:
        heads = [(key, a.dtype, a.shape, a.stype) for key, a in self.items()]
        buffers = [pickle.PickleBuffer(array.data) for array in self.values()]
        return _restore_arrays, (heads, buffers)


def _restore_arrays(
    heads: list[tuple[str, str, tuple[int, ...], str]], buffers: list[pickle.PickleBuffer]
) -> ArrayRecord:
    record = ArrayRecord()
    for (key, dtype, shape, stype), buffer in zip(heads, buffers, strict=True):
        array = Array(dtype, shape, stype, b"")
        array.data = memoryview(buffer)  # type: ignore[assignment]  # a view spares a copy
        record[key] = array
    return record


class PackedMessage(NamedTuple):
    """A message in transit; a number stands for one of the ArrayRecords that travel beside it."""

    metadata: Metadata
    error: Error | None
    records: Sequence[tuple[str, Record | int]]


def unpack_message(packed_message: PackedMessage, beside: Sequence[ArrayRecord] = ()) -> Message:
    """Put the message together again; it shares no record with any other."""
    if packed_message.error is not None:
        return make_message(metadata=packed_message.metadata, error=packed_message.error)
    content = RecordDict(
        {
            name: beside[record].copy() if isinstance(record, int) else record
            for name, record in packed_message.records
        }
    )
    return make_message(metadata=packed_message.metadata, content=content)


def pack_reply(reply: Message) -> tuple[int, PackedMessage]:
    """Return the bytes of the reply's arrays, and the reply with large arrays out of band."""
    if reply.has_error():
        return 0, PackedMessage(reply.metadata, reply.error, [])
    size = sum(array_bytes(record) for record in reply.content.array_records.values())
    records = [
        (name, StoredArrays.of(record) if _is_large(record) else record)
        for name, record in reply.content.items()
    ]
    return size, PackedMessage(reply.metadata, None, records)


class Payloads:
    """The large arrays of one call: each distinct record lies in the object store once."""

    def __init__(self, pages: StorePages) -> None:
        self._pages = pages
        self._stored: list[tuple[list[tuple[object, ...]], ray.ObjectRef[Any]]] = []

    def packed(
        self, messages: Iterable[Message]
    ) -> tuple[list[PackedMessage], list[ray.ObjectRef[Any]]]:
        """Return messages without their large arrays, and where these are stored."""
        refs: list[ray.ObjectRef[Any]] = []
        packed: list[PackedMessage] = []
        for message in messages:
            records: list[tuple[str, Record | int]] = []
            for name, record in message.content.items():
                if _is_large(record):
                    ref = self._store(record)
                    if ref not in refs:
                        refs.append(ref)
                    records.append((name, refs.index(ref)))
                else:
                    records.append((name, record))
            packed.append(PackedMessage(message.metadata, None, records))
        return packed, refs

    def _store(self, record: ArrayRecord) -> ray.ObjectRef[Any]:
        # Equality looks at identity first, then compares bytes up to the first difference:
        # exact, and cheaper than a digest.
        content: list[tuple[object, ...]] = [
            (key, array.dtype, array.shape, array.stype, array.data)
            for key, array in record.items()
        ]
        for known, ref in self._stored:
            if known == content:
                return ref
        ref = ray.put(StoredArrays.of(record))
        self._pages.let_go_of(ray.get(ref))
        self._stored = [*self._stored[-KEPT_PAYLOADS + 1 :], (content, ref)]
        return ref


def _is_large(record: Record) -> TypeGuard[ArrayRecord]:
    return isinstance(record, ArrayRecord) and array_bytes(record) >= STORE_BYTES
