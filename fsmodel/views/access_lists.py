"""The access control lists that nodes of views show.

A node that bears the permissions of a stored inode has to show its list as well: where there is
one, the group's bits of the mode are its mask, and without it the group would have what the mask
allows to somebody else.
"""

from fsmodel.errors import NoSuchAttribute
from fsmodel.ids import InodeId
from fsmodel.namespace.acls import ACCESS_ACL
from fsmodel.namespace.namespace import Namespace


def access_list(namespace: Namespace, inode: InodeId, name: bytes) -> bytes:
    """An attribute of an inode if it is its access list. Raises NoSuchAttribute, NotFound."""
    if name != ACCESS_ACL:
        raise NoSuchAttribute(f"this view has no attribute {name!r}")
    return namespace.get_xattr(inode, name)


def access_list_or_none(namespace: Namespace, inode: InodeId) -> bytes | None:
    """The access list of an inode; None when its mode says everything. Raises NotFound."""
    try:
        return namespace.get_xattr(inode, ACCESS_ACL)
    except NoSuchAttribute:
        return None
