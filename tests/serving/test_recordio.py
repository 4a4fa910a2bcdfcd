"""RecordIO of protobuf records, against google's own protobuf: what SageMaker's RecordSerializer sends and what answers hold."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from server.payload import PayloadError
from server.recordio import decode_records, encode_records


@pytest.fixture(scope="module")
def record():
    """The message of SageMaker's developer guide, made from its field numbers by google's library."""
    file = descriptor_pb2.FileDescriptorProto(name="record.proto", package="aialgs.data", syntax="proto2")
    kinds = {"Float32Tensor": 2, "Float64Tensor": 1, "Int32Tensor": 5}  # protobuf's numbers of float, double and int32
    for name, kind in kinds.items():
        made = file.message_type.add(name=name)
        for number, (field, of) in enumerate((("values", kind), ("keys", 4), ("shape", 4)), start=1):
            row = made.field.add(name=field, number=number, label=3, type=of)
            row.options.packed = True
    value = file.message_type.add(name="Value")
    for field, number, kind in (
        ("float32_tensor", 2, "Float32Tensor"),
        ("float64_tensor", 3, "Float64Tensor"),
        ("int32_tensor", 7, "Int32Tensor"),
    ):
        value.field.add(name=field, number=number, label=1, type=11, type_name=f".aialgs.data.{kind}")
    whole = file.message_type.add(name="Record")
    for field, number, entry in (("features", 1, "FeaturesEntry"), ("label", 2, "LabelEntry")):
        inner = whole.nested_type.add(name=entry)
        inner.options.CopyFrom(descriptor_pb2.MessageOptions(map_entry=True))
        inner.field.add(name="key", number=1, label=1, type=9)
        inner.field.add(name="value", number=2, label=1, type=11, type_name=".aialgs.data.Value")
        whole.field.add(name=field, number=number, label=3, type=11, type_name=f".aialgs.data.Record.{entry}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("aialgs.data.Record"))


def packed(*records) -> bytes:
    parts = [item.SerializeToString() for item in records]
    return b"".join(struct.pack("<II", 0xCED7230A, len(part)) + part + bytes(-len(part) % 4) for part in parts)


@pytest.mark.parametrize("kind", ["float32_tensor", "float64_tensor", "int32_tensor"])
def test_dense_records_of_each_kind(record, kind):
    rows = np.array([[1, -2, 3], [4, 5, -70000]])
    made = []
    for row in rows:
        item = record()
        getattr(item.features["values"], kind).values.extend(row.tolist() if kind == "int32_tensor" else row.astype(float))
        item.label["values"].float32_tensor.values.append(1.0)
        made.append(item)
    np.testing.assert_allclose(decode_records(packed(*made), 100), rows)


def test_sparse_records(record):
    item = record()
    tensor = item.features["values"].float32_tensor
    tensor.values.extend([2.5, -1])
    tensor.keys.extend([1, 3])
    tensor.shape.append(5)
    np.testing.assert_allclose(decode_records(packed(item), 100), [[0, 2.5, 0, -1, 0]])


def test_answers_can_be_read_by_googles_library(record):
    body = encode_records(np.array([[0.25, 0.75], [1.0, 0.0]]))
    found, at = [], 0
    while at < len(body):
        magic, length = struct.unpack_from("<II", body, at)
        item = record.FromString(body[at + 8 : at + 8 + length])
        found.append(list(item.label["score"].float32_tensor.values))
        at += 8 + length + -length % 4
        assert magic == 0xCED7230A
    assert found == [[0.25, 0.75], [1.0, 0.0]]


def broken(record) -> dict[str, bytes]:
    item = record()
    tensor = item.features["values"].float32_tensor
    tensor.values.extend([1, 2])
    whole = packed(item)
    tensor.keys.extend([0, 9])
    tensor.shape.append(3)
    return {
        "magic": b"\0" * 16, "cut off": whole[:-6], "head": whole[:5], "empty": b"", "no features": packed(record()),
        "a key beyond the shape": packed(item), "a long number": struct.pack("<II", 0xCED7230A, 12) + b"\xff" * 12,
    }  # fmt: skip


def test_what_is_broken_is_refused(record):
    for name, body in broken(record).items():
        with pytest.raises(PayloadError) as raised:
            decode_records(body, 100)
        assert raised.value.status == 400, name
    item = record()
    item.features["values"].float32_tensor.values.extend([0.0] * 101)
    with pytest.raises(PayloadError, match="more than 100 cells"):
        decode_records(packed(item), 100)
    huge = record()
    huge.features["values"].float32_tensor.keys.append(0)
    huge.features["values"].float32_tensor.values.append(1)
    huge.features["values"].float32_tensor.shape.append(2**60)
    with pytest.raises(PayloadError):
        decode_records(packed(huge), 100)
