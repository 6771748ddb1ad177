"""Protobuf bodies of Go clients read as the JSON they stand for."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.demo.failures import ApiFailure
from console.demo.protobuf import decode_protobuf

# What `kubectl create namespace foo` sends.
NAMESPACE = bytes.fromhex(
    "6b3873000a0f0a02763112094e616d657370616365121b0a130a03666f6f12001a0022002a0032003800420012001a020a001a002200"
)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def envelope(api_version: str, kind: str, body: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, body)


def test_a_namespace_of_kubectl_is_read():
    assert decode_protobuf(NAMESPACE) == {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {"name": "foo"},
        "spec": {},
        "status": {},
    }


def test_embedded_messages_quantities_and_maps_are_read():
    quantity = field(1, field(1, "nvidia.com/gpu") + field(2, field(1, "8")))
    volume = field(1, "v") + field(2, field(2, field(1, "Memory")))
    container = field(1, "c") + field(8, quantity)
    body = field(1, field(1, "p") + field(11, field(1, "a") + field(2, "b"))) + field(
        2, field(1, volume) + field(2, container)
    )
    pod = decode_protobuf(envelope("v1", "Pod", body))
    assert pod["metadata"] == {"name": "p", "labels": {"a": "b"}}
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {"medium": "Memory"}}]
    assert pod["spec"]["containers"] == [{"name": "c", "resources": {"limits": {"nvidia.com/gpu": "8"}}}]


def test_a_pointer_to_zero_stays_and_a_zero_that_means_absent_goes():
    spec = field(1, 0) + field(5, 0)  # replicas is a pointer, minReadySeconds is not
    deployment = decode_protobuf(envelope("apps/v1", "Deployment", field(2, spec)))
    assert deployment["spec"] == {"replicas": 0}


def test_times_and_numbers_or_strings_are_read():
    body = field(1, field(8, field(1, 1_790_000_000)))
    assert decode_protobuf(envelope("v1", "Pod", body))["metadata"]["creationTimestamp"] == "2026-09-21T14:13:20Z"
    ports = field(1, field(3, 80) + field(4, field(1, 0) + field(2, 8080)))
    ports += field(1, field(3, 81) + field(4, field(1, 1) + field(3, "http")))
    service = decode_protobuf(envelope("v1", "Service", field(2, ports)))
    assert [port["targetPort"] for port in service["spec"]["ports"]] == [8080, "http"]


def test_a_negative_number_is_read():
    priority = decode_protobuf(envelope("scheduling.k8s.io/v1", "PriorityClass", field(2, -5)))
    assert priority["value"] == -5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\0",
        b"k8s\0\x0a\xff",
        envelope("v1", "Nothing", b""),
        envelope("v1", "Pod", b"\x0a\x7f"),
        envelope("v1", "Pod", b"\x0b"),
        envelope("v1", "Pod", b"\x08" + b"\xff" * 12),
        envelope("v1", "Pod", struct.pack("<BB", 0x08, 1)),
    ],
)
def test_bytes_that_are_no_object_are_a_bad_request(body):
    with pytest.raises(ApiFailure) as refused:
        decode_protobuf(body)
    assert refused.value.code == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise):
    try:
        decode_protobuf(envelope("v1", "Pod", noise))
    except ApiFailure as refused:
        assert refused.code == 400


async def test_the_server_takes_what_kubectl_sends(api):
    headers = {
        "content-type": "application/vnd.kubernetes.protobuf",
        "accept": "application/vnd.kubernetes.protobuf,application/json",
    }
    made = await api.send("POST", "/api/v1/namespaces", 201, content=NAMESPACE, headers=headers)
    assert made["status"] == {"phase": "Active"}
