"""docs/on-disk-format.md says what the code does, byte for byte."""

import json
from enum import IntEnum
from pathlib import Path
from struct import Struct
from typing import Final

import pytest

import fsmodel
from fsmodel.backup.container import BACKUP_HEADER, SLOT
from fsmodel.content.manifest import (
    LEVEL_MAX,
    PAGE_HEADER,
    PAGE_ITEMS_MAX,
    PAGE_ITEMS_MIN,
    PAGE_VERSION,
)
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import checksum64, object_id
from fsmodel.history.root_format import ROOT_HEADER, ROOT_VERSION
from fsmodel.history.tree_columns import BESIDE, PLAIN, STEPS, WIDTH_MAX
from fsmodel.history.tree_entry import INLINE_BYTES_MAX, INLINE_ENTRIES, VALUE_INLINE_MAX
from fsmodel.history.tree_format import (
    BOUNDARY_BITS,
    TREE_COUNT_MAX,
    TREE_HEADER,
    TREE_ITEMS_MAX,
    TREE_ITEMS_MIN,
    TREE_LEVEL_MAX,
    TREE_PAGE_BYTES,
    TREE_VERSION,
)
from fsmodel.history.tree_leaf import (
    CHUNK_REF,
    INLINED,
    LEAF_COLUMNS,
    MANIFEST_REF,
    NO_REF,
    TREE_REF,
)
from fsmodel.ids import PackId
from fsmodel.store.format_file import FORMAT_VERSION, parse_format
from fsmodel.store.group_format import (
    GROUP_BYTES_MAX,
    GROUP_HEADER,
    GROUP_MEMBERS_MAX,
    GROUP_VERSION,
)
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    BODY_BYTES_MAX,
    FRAME_HEADER,
    FRAME_MAGIC,
    FRAME_VERSION,
    OBJECT_BYTES_MAX,
    PACK_HEADER,
    PACK_MAGIC,
    PACK_VERSION,
    ObjectKind,
    encode_frame,
    encode_pack_header,
    pack_seed,
)
from fsmodel.store.pack_writer import PACK_BYTES_MAX
from tests.support.format_pages import FormatPage, fields, public_structs

PAGE: Final = FormatPage("on-disk-format.md")

BYTE_TABLES: Final = {
    "Pack header": PACK_HEADER,
    "Frame header": FRAME_HEADER,
    "Group": GROUP_HEADER,
    "Backup header": BACKUP_HEADER,
    "Backup slot": SLOT,
    "Manifest page": PAGE_HEADER,
    "Tree page": TREE_HEADER,
    "Root": ROOT_HEADER,
}
ENUMERATIONS: Final[dict[str, type[IntEnum]]] = {"kind": ObjectKind, "codec": Codec}


@pytest.mark.parametrize("heading", BYTE_TABLES)
def test_byte_tables_are_the_structs(heading: str) -> None:
    PAGE.require_bytes(heading, BYTE_TABLES[heading])


def test_every_struct_of_the_model_that_has_a_name_has_a_table() -> None:
    for name, layout in public_structs(fsmodel):
        assert layout in BYTE_TABLES.values(), f"{name} has no table"


@pytest.mark.parametrize("column", ENUMERATIONS)
def test_numbers_are_the_enumerations(column: str) -> None:
    table = PAGE.rows("Frame header", column)
    told = {row["name"]: int(row[column]) for row in table}
    assert told == {member.name: member.value for member in ENUMERATIONS[column]}


@pytest.mark.parametrize(
    ("heading", "magic", "version"),
    [
        ("Pack header", PACK_MAGIC, PACK_VERSION),
        ("Frame header", FRAME_MAGIC, FRAME_VERSION),
        ("Group", None, GROUP_VERSION),
        ("Manifest page", None, PAGE_VERSION),
        ("Tree page", None, TREE_VERSION),
        ("Root", None, ROOT_VERSION),
    ],
)
def test_magics_and_versions_are_told(heading: str, magic: bytes | None, version: int) -> None:
    told = PAGE.meanings(heading)
    assert told["version"] == str(version)
    assert magic is None or magic.hex(" ") in told["magic"]


def test_limits_are_told() -> None:
    frame = PAGE.meanings("Frame header")
    assert frame["plain size"].endswith(f"at most {OBJECT_BYTES_MAX}")
    assert frame["body size"].endswith(f"at most {BODY_BYTES_MAX}")
    assert f"beyond {PACK_BYTES_MAX >> 20} MiB" in " ".join(PAGE.section("Packs").split())
    group = PAGE.meanings("Group")
    assert group["members"].endswith(f"1 to {GROUP_MEMBERS_MAX}")
    assert f"at most {GROUP_BYTES_MAX} plain bytes" in PAGE.section("Group")
    page = PAGE.meanings("Manifest page")
    assert page["level"].endswith(f"at most {LEVEL_MAX}")
    assert page["count"].endswith(f"1 to {PAGE_ITEMS_MAX}")
    assert f"not before {PAGE_ITEMS_MIN} items" in " ".join(PAGE.section("Manifest page").split())


def test_the_columns_of_a_tree_leaf_are_told() -> None:
    table = PAGE.rows("Tree page", "column")
    assert [(row["column"], row["bits"], row["beside"]) for row in table] == [
        (column.name, str(column.bits), column.beside) for column in LEAF_COLUMNS
    ]
    kinds = {row["column"]: row["meaning"] for row in table}["ref kind"]
    numbers = (NO_REF, CHUNK_REF, MANIFEST_REF, TREE_REF, INLINED)
    words = ("none", "a chunk", "a manifest", "a tree", "entries that follow")
    assert kinds == ", ".join(f"{n} {word}" for n, word in zip(numbers, words, strict=True))
    forms = {row["name"]: int(row["form"]) for row in PAGE.rows("Tree page", "form")}
    assert forms == {"PLAIN": PLAIN, "STEPS": STEPS, "BESIDE": BESIDE}
    assert f"0 to {WIDTH_MAX}" in PAGE.section("Tree page")


def test_the_limits_of_a_tree_page_are_told() -> None:
    page = PAGE.meanings("Tree page")
    assert page["level"].endswith(f"at most {TREE_LEVEL_MAX}")
    assert f"at most {TREE_COUNT_MAX};" in page["count"]
    text = " ".join(PAGE.section("Tree page").split())
    assert f"not before {TREE_ITEMS_MIN} entries; behind {TREE_ITEMS_MAX} entries" in text
    assert f"the low {BOUNDARY_BITS} bits" in text
    assert f"fewer than {INLINE_ENTRIES} entries" in text
    assert f"at most {INLINE_BYTES_MAX} bytes" in text
    assert f"come to {TREE_PAGE_BYTES} bytes" in text
    assert f"more than {VALUE_INLINE_MAX} bytes" in text


def test_paths_are_told() -> None:
    layout = StoreLayout(Path("/store"))
    properties = [
        name for name in dir(StoreLayout) if isinstance(vars(StoreLayout).get(name), property)
    ]
    paths = {str(getattr(layout, name).relative_to("/store")) for name in properties}
    told = {row["path"].strip("`").removesuffix("/") for row in PAGE.rows("Store folder", "path")}
    assert told == {path if path != "packs" else "packs/LL/N.pack" for path in paths}


def test_the_sample_format_file_is_valid_and_complete() -> None:
    sample = PAGE.fenced("format.json", "json").encode()
    assert parse_format(sample, Path("/store")).format == FORMAT_VERSION
    told = [row["key"].strip("`") for row in PAGE.rows("format.json", "key")]
    assert told == list(json.loads(sample))


def test_the_checksum_of_the_sample_is_computed_as_told() -> None:
    document = json.loads(PAGE.fenced("format.json", "json"))
    checksum = document.pop("checksum")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert f"{checksum64(canonical):016x}" == checksum


def test_the_sample_pack_is_what_is_written() -> None:
    """Changing a stored byte takes a new format version: this fails when one changes unnoticed."""
    store = parse_format(PAGE.fenced("format.json", "json").encode(), Path("/store")).uuid.bytes
    data = b"hello, cairn\n"
    frame = encode_frame(ObjectKind.CHUNK, Codec.RAW, len(data), object_id(data), data)
    seed = pack_seed(store, PackId(1))
    lines = PAGE.fenced("Sample", "hex").splitlines()
    told = bytes.fromhex("".join(line.split("  ", 1)[1] for line in lines))
    assert told == encode_pack_header(store, PackId(1)) + b"".join(frame.sealed(seed))
    assert [int(line.split()[0], 16) for line in lines] == list(range(0, len(told), 16))
    assert f"`{seed:016x}`" in PAGE.section("Sample")


def test_the_comparison_notices_a_difference() -> None:
    """The harness is awake: another Struct does not match the table."""
    with pytest.raises(AssertionError):
        PAGE.require_bytes("Frame header", PACK_HEADER)
    assert fields(Struct("<4sB3xIQ")) == [
        ("bytes", 4),
        ("u8", 1),
        ("zero", 3),
        ("u32", 4),
        ("u64", 8),
    ]
