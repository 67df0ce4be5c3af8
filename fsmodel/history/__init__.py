"""What the packs say of the filesystem: trees of directories, and the roots they hang from."""
