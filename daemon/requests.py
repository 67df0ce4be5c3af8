"""What a request of the kernel says, in the model's terms."""

from inspect import iscoroutinefunction
from typing import Final

import pyfuse3

from fsmodel.namespace.inodes import AttributeChange, Creator

# The names of all requests, which are those of their handlers.
REQUESTS: Final = frozenset(
    name for name, member in vars(pyfuse3.Operations).items() if iscoroutinefunction(member)
)


def creator_of(ctx: pyfuse3.RequestContext) -> Creator:
    """Who creates something, for ownership and set-gid rules."""
    return Creator(uid=ctx.uid, gid=ctx.gid)


def attribute_change(
    attr: pyfuse3.EntryAttributes, fields: pyfuse3.SetattrFields
) -> AttributeChange | None:
    """The attributes to change, apart from the size; None when there are none."""
    if not (
        fields.update_mode
        or fields.update_uid
        or fields.update_gid
        or fields.update_atime
        or fields.update_mtime
        or fields.update_ctime
    ):
        return None
    return AttributeChange(
        mode=attr.st_mode if fields.update_mode else None,
        uid=attr.st_uid if fields.update_uid else None,
        gid=attr.st_gid if fields.update_gid else None,
        atime_ns=attr.st_atime_ns if fields.update_atime else None,
        mtime_ns=attr.st_mtime_ns if fields.update_mtime else None,
        ctime_ns=attr.st_ctime_ns if fields.update_ctime else None,
    )
