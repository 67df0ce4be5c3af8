"""Any bytes for whatever reads bytes from outside: a value, or the one error that says so.

Packs and groups have tests of their own beside this one; a new decoder must be named here.
"""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.control_protocol import ProtocolProblem, decode_reply, decode_request
from daemon.metrics_address import parse_metrics_address
from daemon.mount_options import parse_mount_options
from daemon.problems import Problem, UsageProblem
from fsmodel.content.leaf import decode_leaf
from fsmodel.content.manifest import Run, decode_node, encode_leaf
from fsmodel.documents.bounded_json import parse_object, parse_value
from fsmodel.errors import CairnError
from fsmodel.history.root_format import decode_root
from fsmodel.history.tree_format import decode_tree_header, decode_tree_node
from fsmodel.history.tree_leaf import decode_lone_entry, decode_tree_leaf
from fsmodel.ids import ObjectId
from fsmodel.namespace.acls import decode_acl
from fsmodel.namespace.link_targets import parse_target
from fsmodel.series.series_document import parse_series
from fsmodel.store.format_file import parse_format
from fsmodel.store.sketches import SKETCH_BYTES, decode_features, decode_prefixes
from fsmodel.versions.policy import NO_VERSIONS, parse_policy
from lmdb_index.errors import IndexProblem
from lmdb_index.journal_format import (
    RecordKind,
    decode_payload,
    encode_record,
    parse_record,
    parse_segment_header,
)
from tests.support.long_runs import Count
from tests.support.processes import PROJECT

pytestmark = pytest.mark.fuzz

Known: TypeAlias = type[Exception] | tuple[type[Exception], ...]


class Decoder(NamedTuple):
    """What reads some bytes, the errors it may raise, and bytes it likes."""

    name: str
    decode: Callable[[bytes], object]
    errors: Known
    sample: bytes = b"{}"

    def __str__(self) -> str:
        """For the names of tests."""
        return self.name


LEAF: Final = encode_leaf([Run(ObjectId(bytes(32)), 9, 1), Run(ObjectId(b"x" * 32), 99, 2)])
RECORD: Final = encode_record(RecordKind.OPERATION, 1, b"payload", 7, 0)


def text(data: bytes) -> str:
    """As words of a command line are decoded."""
    return data.decode("utf-8", "surrogateescape")


def sketch_of(data: bytes) -> bytes:
    """Its size is looked at before."""
    return data[:SKETCH_BYTES].ljust(SKETCH_BYTES, b"\0")


DECODERS: Final = (
    Decoder("decode_leaf", decode_leaf, CairnError, LEAF),
    Decoder("decode_node", decode_node, CairnError, LEAF),
    Decoder("decode_root", decode_root, CairnError),
    Decoder("decode_tree_header", decode_tree_header, CairnError),
    Decoder("decode_tree_node", decode_tree_node, CairnError),
    Decoder("decode_tree_leaf", decode_tree_leaf, CairnError),
    Decoder("decode_lone_entry", decode_lone_entry, CairnError),
    Decoder("decode_acl", decode_acl, CairnError, b"\2\0\0\0\1\0\7\0\xff\xff\xff\xff"),
    Decoder("decode_prefixes", lambda data: decode_prefixes(sketch_of(data)), (), bytes(41)),
    Decoder("decode_features", lambda data: decode_features(sketch_of(data), 1), (), bytes(41)),
    Decoder(
        "decode_payload", lambda data: decode_payload(data, "here"), IndexProblem, b"\x92\x80\x90"
    ),
    Decoder("parse_record", lambda data: parse_record(memoryview(data), 0, 7), (), RECORD),
    Decoder("parse_segment_header", lambda data: parse_segment_header(data, "here"), IndexProblem),
    Decoder("parse_format", lambda data: parse_format(data, Path("store")), CairnError),
    Decoder("parse_object", parse_object, CairnError),
    Decoder("parse_value", parse_value, CairnError),
    Decoder("parse_series", parse_series, CairnError, b'{"kinds": {"data": ["txt"]}}'),
    Decoder("parse_policy", lambda data: parse_policy(data, NO_VERSIONS), CairnError, b"count=3"),
    Decoder("parse_target", parse_target, CairnError, b"../a/b"),
    Decoder("decode_request", decode_request, ProtocolProblem, b'{"protocol":1,"command":"gc"}'),
    Decoder("decode_reply", decode_reply, ProtocolProblem, b'{"ok":true}'),
    Decoder(
        "parse_mount_options",
        lambda data: parse_mount_options(text(data).split(",")),
        (Problem, UsageProblem),
        b"ro,fsname=a",
    ),
    Decoder(
        "parse_metrics_address",
        lambda data: parse_metrics_address(text(data)),
        (Problem, ValueError),
    ),
)
# These have tests of their own that give them any bytes, here or where they are named.
ELSEWHERE: Final = {
    "decode": "tests/unit/fsmodel/encoding/test_codecs.py",
    "decode_delta": "tests/unit/fsmodel/encoding/test_delta.py",
    "decode_members": "tests/fuzz/test_group_format.py",
    "decode_table": "tests/fuzz/test_group_format.py",
    "decode_config": "tests/unit/fsmodel/series/test_series_document.py",
    "decode_column": "tests/unit/fsmodel/history/test_tree_format.py",
    "parse_header": "tests/fuzz/test_pack_format.py",
    "parse_frame": "tests/fuzz/test_pack_format.py",
    "parse_mount_table": "tests/unit/daemon/test_mount_table.py",  # only the kernel writes it
    "parse_size": "tests/unit/daemon/test_config.py",
    "parse_helper_arguments": "tests/unit/daemon/test_mount_helper.py",
}


@st.composite
def bytes_like(draw: st.DrawFn, sample: bytes) -> bytes:
    """Noise, or a sample with some bytes changed, cut out, doubled."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    data = bytearray(sample)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


def try_any_bytes(decoder: Decoder, count: Count) -> None:
    """Fails with what a decoder raises that it may not raise."""

    @given(data=bytes_like(decoder.sample))
    def holds(data: bytes) -> None:
        count("fuzz executions", decoder.name, 1)
        try:
            decoder.decode(data)
        except decoder.errors:
            return

    holds()


@pytest.mark.parametrize("decoder", DECODERS, ids=str)
def test_any_bytes_are_a_value_or_the_error_that_says_so(decoder: Decoder, count: Count) -> None:
    try_any_bytes(decoder, count)


def public_decoders() -> set[str]:
    """Names of all functions that read bytes or text from outside, by the habit of naming them."""
    return {
        node.name
        for layer in ("daemon", "fsmodel", "lmdb_index")
        for path in (PROJECT / layer).rglob("*.py")
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith(("decode", "parse_"))
        if node.name not in ("decoded", "parsed")
    }


def test_no_decoder_is_forgotten() -> None:
    assert public_decoders() == {each.name for each in DECODERS} | set(ELSEWHERE)
    assert [path for path in ELSEWHERE.values() if not (PROJECT / path).exists()] == []
