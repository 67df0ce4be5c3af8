"""Puts together what the names and the contents of files are made of."""

from dataclasses import dataclass
from functools import partial

from fsmodel.content.contents import Contents
from fsmodel.content.lineages import Lineages
from fsmodel.content.settle import Settler
from fsmodel.content.whole import WholeContents
from fsmodel.core_assembly import CoreParts
from fsmodel.documents.commits import Commits
from fsmodel.documents.drafts import Drafts
from fsmodel.documents.twins import Twins
from fsmodel.namespace.folder_levels import level_for
from fsmodel.namespace.holds import Holds
from fsmodel.namespace.namespace import Namespace
from fsmodel.series.assembly import NameRules, name_rules
from fsmodel.settings import VolumeSettings


@dataclass(frozen=True, slots=True)
class FileParts:
    """Names, contents, and documents that are written as a whole."""

    settler: Settler
    contents: Contents
    holds: Holds
    rules: NameRules
    namespace: Namespace
    whole: WholeContents
    commits: Commits
    drafts: Drafts


def assemble_files(core: CoreParts, settings: VolumeSettings, *, read_only: bool) -> FileParts:
    """The parts, on those of an open store."""
    index, inodes, changes, objects = core.index, core.inodes, core.changes, core.objects
    lineages = Lineages(index, inodes, objects)
    settler = Settler(objects, lineages, core.limits, partial(level_for, index, inodes))
    contents = Contents(index, inodes, changes, objects, settler, lineages, read_only=read_only)
    holds, whole = Holds(), WholeContents(objects, settler)
    rules = name_rules(index, inodes, contained_mount=settings.symlinks_contained)
    namespace = rules.namespace(
        index,
        inodes,
        changes,
        is_open=lambda inode: contents.is_open(inode) or inode in holds,
        release_content=contents.release,
        policy=rules.policy,
        atime_mode=settings.atime_mode,
    )
    commits, twins = Commits(whole, rules.is_document), Twins(index, inodes, namespace, whole)
    drafts = Drafts(inodes, changes, namespace, contents, objects, whole, commits, twins)
    return FileParts(settler, contents, holds, rules, namespace, whole, commits, drafts)
