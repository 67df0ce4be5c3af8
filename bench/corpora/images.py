"""Pictures, and the same pictures with other captions and tags.

Only the metadata of a variant is another: PNG text chunks, JPEG comments and EXIF segments, put
where tools for captions put them, before the picture's own data, which stays byte for byte.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from bench.corpora.corpus import Scale, Site

PACKAGES = {
    Scale.SMALL: ("mate-backgrounds",),
    Scale.FULL: ("mate-backgrounds", "ukui-wallpapers"),
}
PICTURE_BYTES_MIN = 100_000
PICTURE_BYTES_MAX = {Scale.SMALL: 1_400_000, Scale.FULL: 20_000_000}
VARIANTS = 3
WORDS = (
    *("a", "quiet", "bright", "harbour", "evening", "over", "the", "old", "town", "with", "light"),
    *("neon", "forest", "mist", "river", "glass", "portrait", "wide", "detail", "texture", "red"),
    *("blue", "winter", "lamp", "street", "mountain", "valley", "bird", "studio", "grain", "soft"),
)
CAPTION_WORDS = (12, 120)

PNG_START = b"\x89PNG\r\n\x1a\n"
PNG_HEADER_BYTES = len(PNG_START) + 25  # the header chunk comes first and has one size
JPEG_START = b"\xff\xd8"
COMMENT_MARK, EXIF_MARK = b"\xff\xfe", b"\xff\xe1"


def build_images(site: Site) -> None:
    """Pictures that packages bring, each with re-captioned variants."""
    for package in PACKAGES[site.scale]:
        unpacked = site.packages.unpack_debian(package, site.scratch)
        for path in sorted(unpacked.rglob("*")):
            if _is_chosen(path, site.scale):
                _add_with_variants(site, path)


def _is_chosen(path: Path, scale: Scale) -> bool:
    return (
        path.suffix.lower() in CAPTIONERS
        and path.is_file()
        and not path.is_symlink()
        and PICTURE_BYTES_MIN <= path.stat().st_size <= PICTURE_BYTES_MAX[scale]
    )


def _add_with_variants(site: Site, path: Path) -> None:
    picture = path.read_bytes()
    stem = f"{path.parent.name}-{path.stem}".replace(" ", "-")
    suffix = path.suffix.lower()
    (site.folder / f"{stem}{suffix}").write_bytes(picture)
    for number in range(1, VARIANTS + 1):
        made = CAPTIONERS[suffix](picture, site.random)
        (site.folder / f"{stem}-{number}{suffix}").write_bytes(made)


def caption(random: Random) -> bytes:
    """Some words, as a person or a model would caption a picture."""
    return " ".join(random.choices(WORDS, k=random.randint(*CAPTION_WORDS))).encode()


def recaptioned_png(picture: bytes, random: Random) -> bytes:
    """A PNG with text chunks after its header."""
    assert picture.startswith(PNG_START)
    added = [
        _png_chunk(b"tEXt", b"Description\0" + caption(random)),
        _png_chunk(b"tEXt", b"parameters\0Seed: %d, Steps: 30" % random.getrandbits(32)),
    ]
    return b"".join([picture[:PNG_HEADER_BYTES], *added, picture[PNG_HEADER_BYTES:]])


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def recaptioned_jpeg(picture: bytes, random: Random) -> bytes:
    """A JPEG with an EXIF description and a comment before its other segments."""
    assert picture.startswith(JPEG_START)
    added = [_segment(EXIF_MARK, _exif(caption(random))), _segment(COMMENT_MARK, caption(random))]
    return b"".join([JPEG_START, *added, picture[len(JPEG_START) :]])


def _segment(mark: bytes, data: bytes) -> bytes:
    return mark + struct.pack(">H", len(data) + 2) + data


def _exif(description: bytes) -> bytes:
    """EXIF data with one entry, ImageDescription."""
    text = description + b"\0"
    head = struct.pack("<2sHI", b"II", 42, 8)
    entry = struct.pack("<HHHII", 1, 0x010E, 2, len(text), len(head) + 18)
    return b"Exif\0\0" + head + entry + struct.pack("<I", 0) + text


CAPTIONERS: Mapping[str, Callable[[bytes, Random], bytes]] = {
    ".png": recaptioned_png,
    ".jpg": recaptioned_jpeg,
    ".jpeg": recaptioned_jpeg,
}
