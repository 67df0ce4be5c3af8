"""Releases of the same package, one after the other: what versions of software look like."""

from collections.abc import Mapping

from bench.corpora.corpus import Scale, Site

Releases = Mapping[str, tuple[str, ...]]

# name: versions from old to new. Patch releases lie close together, minor ones further apart.
SOURCE_TREES: Mapping[Scale, Releases] = {
    Scale.SMALL: {
        "django": ("4.2.10", "4.2.11", "5.0.3", "5.0.4"),
        "sphinx": ("7.2.5", "7.2.6", "7.3.7"),
    },
    Scale.FULL: {
        "django": (
            *("4.1.9", "4.1.13", "4.2.1", "4.2.7", "4.2.10", "4.2.11"),
            *("5.0.1", "5.0.3", "5.0.4", "5.1.2"),
        ),
        "sphinx": ("6.2.1", "7.0.1", "7.1.2", "7.2.4", "7.2.5", "7.2.6", "7.3.7", "7.4.7"),
    },
}
BINARY_WHEELS: Mapping[Scale, Releases] = {
    Scale.SMALL: {"cryptography": ("42.0.4", "42.0.5", "42.0.7", "43.0.0", "43.0.1")},
    Scale.FULL: {
        "cryptography": ("42.0.2", "42.0.4", "42.0.5", "42.0.7", "42.0.8", "43.0.0", "43.0.1"),
        "numpy": ("1.26.2", "1.26.3", "1.26.4", "2.0.0", "2.0.1", "2.0.2"),
    },
}


def build_source_trees(site: Site) -> None:
    """Successive releases of two source trees."""
    _unpack(site, SOURCE_TREES[site.scale])


def build_binary_wheels(site: Site) -> None:
    """Successive releases of compiled wheels."""
    _unpack(site, BINARY_WHEELS[site.scale])


def _unpack(site: Site, releases: Releases) -> None:
    for name, versions in releases.items():
        for version in versions:
            site.packages.unpack_wheel(name, version, site.folder)
