"""Packs made durable by whoever commits an index that speaks of them, without a writer."""

from fsmodel.store.host_files import SyncFailed, host_failures, sync_file, sync_folder
from fsmodel.store.layout import StoreLayout


def sync_all_packs(layout: StoreLayout) -> None:
    """Let what a killed run has left in the packs survive a loss of power, too.

    A pack that cannot even be opened has nothing that anybody could read. Raises BackendError.
    """
    folders = {layout.packs} if layout.packs.is_dir() else set()
    with host_failures(layout.packs):
        for pack in layout.pack_numbers():
            path = layout.pack(pack)
            folders.add(path.parent)
            try:
                sync_file(path)
            except SyncFailed:
                raise
            except OSError:
                continue
        for folder in sorted(folders):
            sync_folder(folder)
