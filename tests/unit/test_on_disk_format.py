"""docs/on-disk-format.md says what the code does, byte for byte."""

import importlib
import json
import pkgutil
import re
from enum import IntEnum
from itertools import accumulate, takewhile
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

PAGE: Final = (Path(__file__).parents[2] / "docs" / "on-disk-format.md").read_text("utf-8")

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
TYPES: Final = {"B": ("u8", 1), "H": ("u16", 2), "I": ("u32", 4), "Q": ("u64", 8)}
ENUMERATIONS: Final[dict[str, type[IntEnum]]] = {"kind": ObjectKind, "codec": Codec}

Row = dict[str, str]


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None, f"no section {heading}"
    return match[1]


def rows(text: str, first_column: str) -> list[Row]:
    """The rows of the table that begins with a column of this name."""
    lines = text.splitlines()
    (start,) = (at for at, line in enumerate(lines) if line.startswith(f"| {first_column} |"))
    table = takewhile(lambda line: line.startswith("|"), lines[start:])
    cells = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in table]
    return [dict(zip(cells[0], line, strict=True)) for line in cells[2:]]


def fenced(text: str, language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert match is not None
    return match[1]


def fields(layout: Struct) -> list[tuple[str, int]]:
    """The fields of a little-endian Struct as (type, size)."""
    assert layout.format[0] == "<"
    found = []
    for count, code in re.findall(r"(\d*)([a-zA-Z])", layout.format):
        if code == "s":
            found.append(("bytes", int(count)))
        elif code == "x":
            found.append(("zero", int(count or 1)))
        else:
            found += [TYPES[code]] * int(count or 1)
    assert sum(size for _, size in found) == layout.size
    return found


@pytest.mark.parametrize("heading", BYTE_TABLES)
def test_byte_tables_are_the_structs(heading: str) -> None:
    table = rows(section(heading), "offset")
    written = fields(BYTE_TABLES[heading])
    offsets = [0, *accumulate(size for _, size in written)][:-1]
    assert [(row["type"], int(row["size"])) for row in table] == written
    assert [int(row["offset"]) for row in table] == offsets


def test_every_struct_of_the_model_that_has_a_name_has_a_table() -> None:
    known = list(BYTE_TABLES.values())
    for module in pkgutil.walk_packages(fsmodel.__path__, "fsmodel."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Struct) and not name.startswith("_"):
                assert value in known, f"{module.name}.{name} has no table"


@pytest.mark.parametrize("column", ENUMERATIONS)
def test_numbers_are_the_enumerations(column: str) -> None:
    table = rows(section("Frame header"), column)
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
    told = {row["field"]: row["meaning"] for row in rows(section(heading), "offset")}
    assert told["version"] == str(version)
    assert magic is None or f"`{magic.hex(' ')}`" in told["magic"]


def test_limits_are_told() -> None:
    frame = {row["field"]: row["meaning"] for row in rows(section("Frame header"), "offset")}
    assert frame["plain size"].endswith(f"at most {OBJECT_BYTES_MAX}")
    assert frame["body size"].endswith(f"at most {BODY_BYTES_MAX}")
    assert f"beyond {PACK_BYTES_MAX >> 20} MiB" in " ".join(section("Packs").split())
    group = {row["field"]: row["meaning"] for row in rows(section("Group"), "offset")}
    assert group["members"].endswith(f"1 to {GROUP_MEMBERS_MAX}")
    assert f"at most {GROUP_BYTES_MAX} plain bytes" in section("Group")
    page = {row["field"]: row["meaning"] for row in rows(section("Manifest page"), "offset")}
    assert page["level"].endswith(f"at most {LEVEL_MAX}")
    assert page["count"].endswith(f"1 to {PAGE_ITEMS_MAX}")
    assert f"not before {PAGE_ITEMS_MIN} items" in " ".join(section("Manifest page").split())


def test_the_columns_of_a_tree_leaf_are_told() -> None:
    table = rows(section("Tree page"), "column")
    assert [(row["column"], row["bits"], row["beside"]) for row in table] == [
        (column.name, str(column.bits), column.beside) for column in LEAF_COLUMNS
    ]
    kinds = {row["column"]: row["meaning"] for row in table}["ref kind"]
    numbers = (NO_REF, CHUNK_REF, MANIFEST_REF, TREE_REF, INLINED)
    words = ("none", "a chunk", "a manifest", "a tree", "entries that follow")
    assert kinds == ", ".join(f"{n} {word}" for n, word in zip(numbers, words, strict=True))
    forms = {row["name"]: int(row["form"]) for row in rows(section("Tree page"), "form")}
    assert forms == {"PLAIN": PLAIN, "STEPS": STEPS, "BESIDE": BESIDE}
    assert f"0 to {WIDTH_MAX}" in section("Tree page")


def test_the_limits_of_a_tree_page_are_told() -> None:
    page = {row["field"]: row["meaning"] for row in rows(section("Tree page"), "offset")}
    assert page["level"].endswith(f"at most {TREE_LEVEL_MAX}")
    assert f"at most {TREE_COUNT_MAX};" in page["count"]
    text = " ".join(section("Tree page").split())
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
    told = {
        row["path"].strip("`").removesuffix("/") for row in rows(section("Store folder"), "path")
    }
    assert told == {path if path != "packs" else "packs/LL/N.pack" for path in paths}


def test_the_sample_format_file_is_valid_and_complete() -> None:
    sample = fenced(section("format.json"), "json").encode()
    assert parse_format(sample, Path("/store")).format == FORMAT_VERSION
    told = [row["key"].strip("`") for row in rows(section("format.json"), "key")]
    assert told == list(json.loads(sample))


def test_the_checksum_of_the_sample_is_computed_as_told() -> None:
    document = json.loads(fenced(section("format.json"), "json"))
    checksum = document.pop("checksum")
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert f"{checksum64(canonical):016x}" == checksum


def test_the_sample_pack_is_what_is_written() -> None:
    """Changing a stored byte takes a new format version: this fails when one changes unnoticed."""
    store = parse_format(fenced(section("format.json"), "json").encode(), Path("/store")).uuid.bytes
    data = b"hello, cairn\n"
    frame = encode_frame(ObjectKind.CHUNK, Codec.RAW, len(data), object_id(data), data)
    seed = pack_seed(store, PackId(1))
    lines = fenced(section("Sample"), "hex").splitlines()
    told = bytes.fromhex("".join(line.split("  ", 1)[1] for line in lines))
    assert told == encode_pack_header(store, PackId(1)) + b"".join(frame.sealed(seed))
    assert [int(line.split()[0], 16) for line in lines] == list(range(0, len(told), 16))
    assert f"`{seed:016x}`" in section("Sample")


def test_the_comparison_notices_a_difference() -> None:
    """The harness is awake: another Struct does not match the table."""
    table = rows(section("Frame header"), "offset")
    assert [(row["type"], int(row["size"])) for row in table] != fields(PACK_HEADER)
    assert fields(Struct("<4sB3xIQ")) == [
        ("bytes", 4),
        ("u8", 1),
        ("zero", 3),
        ("u32", 4),
        ("u64", 8),
    ]
