"""Metadata documents against dictionaries: through renames, copies, deletions, restores and kills.

An analysis belongs to its content. So the model knows one for each content, and which files of
which directory have which content; what documents say must follow from that at every moment.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fsmodel.errors import DocumentInvalid
from tests.support.documents import DocumentVolume, document, sha256_of
from tests.support.examples import share
from tests.support.volumes import make_store, noise

CONTENTS: Final = [b"", b"one", b"two", noise(5000, 1), noise(5001, 2)]
FOLDERS: Final = [b"a", b"b", b"c/d"]
NAMES: Final = [b"1", b"2", b"3"]

folders = st.sampled_from(FOLDERS)
names = st.sampled_from(NAMES)
contents = st.sampled_from(CONTENTS)
analyses = st.dictionaries(st.sampled_from("xyz"), st.integers(0, 9), max_size=2)


class DocumentsMachine(RuleBasedStateMachine):
    """The volume, and what it must say."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = Path(tempfile.mkdtemp(prefix="documents-"))
        self.documents = DocumentVolume(make_store(self.scratch / "0"))
        self.kills = 0
        self.folders = {name: self.documents.directory(name) for name in FOLDERS}
        self.files: dict[tuple[bytes, bytes], bytes] = {}
        self.analyses: dict[str, dict[str, Any]] = {}

    def teardown(self) -> None:
        self.documents.require_clean()
        self.documents.volume.close()
        shutil.rmtree(self.scratch)

    def has_file(self, folder: bytes, data: bytes) -> bool:
        """Whether a file of a folder has a content."""
        return any(at[0] == folder and held == data for at, held in self.files.items())

    @initialize(folder=folders, data=contents)
    def begin(self, folder: bytes, data: bytes) -> None:
        self.write(folder, b"1", data)

    @rule(folder=folders, name=names, data=contents)
    def write(self, folder: bytes, name: bytes, data: bytes) -> None:
        self.documents.write(self.folders[folder], name, data)
        self.files[folder, name] = data

    @rule(folder=folders, name=names)
    def delete(self, folder: bytes, name: bytes) -> None:
        if self.files.pop((folder, name), None) is not None:
            self.documents.volume.unlink(self.folders[folder], name)

    @rule(folder=folders, name=names, to=folders, new_name=names)
    def rename(self, folder: bytes, name: bytes, to: bytes, new_name: bytes) -> None:
        if (folder, name) in self.files and (folder, name) != (to, new_name):
            self.documents.rename(self.folders[folder], name, self.folders[to], new_name)
            self.files[to, new_name] = self.files.pop((folder, name))

    @rule(folder=folders, data=contents, analysis=analyses, by_rename=st.booleans())
    def analyse(
        self, folder: bytes, data: bytes, analysis: dict[str, Any], by_rename: bool
    ) -> None:
        """Also of a content that is not there yet, as a restore does."""
        sha256, directory = sha256_of(data), self.folders[folder]
        text = document(sha256, analysis)
        if by_rename:
            self.documents.put_by_rename(directory, sha256, text, mtime_ns=5)
        else:
            self.documents.put(directory, sha256, text)
        self.analyses[sha256] = analysis
        assert self.documents.analysis(directory, sha256) == analysis

    @rule(folder=folders, data=contents, wrong=contents)
    def be_refused(self, folder: bytes, data: bytes, wrong: bytes) -> None:
        if data != wrong:
            text = document(sha256_of(wrong), {"wrong": 1})
            with pytest.raises(DocumentInvalid):
                self.documents.put(self.folders[folder], sha256_of(data), text)

    @rule(folder=folders, data=contents)
    def reset(self, folder: bytes, data: bytes) -> None:
        if self.has_file(folder, data):
            self.documents.delete(self.folders[folder], sha256_of(data))
            self.analyses.pop(sha256_of(data), None)

    @rule(seconds=st.sampled_from([1, 100, 5 * 24 * 3600]))
    def sweep(self, seconds: int) -> None:
        """What is used stays; what is not may go when the grace has passed, or be there yet."""
        self.documents.clock.advance(seconds)
        self.documents.sweep()
        for sha256 in [*self.analyses]:
            if sha256 not in map(sha256_of, self.files.values()):
                del self.analyses[sha256]
                self.documents.reset_everywhere(sha256)

    @rule()
    def collect(self) -> None:
        self.documents.collect()

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        if killed:
            self.kills += 1
            self.documents.kill(self.scratch / str(self.kills))
        else:
            self.documents.reopen()

    @invariant()
    def documents_say_what_follows(self) -> None:
        for folder, directory in self.folders.items():
            held: dict[str, list[str]] = {}
            for (at, name), data in self.files.items():
                if at == folder:
                    held.setdefault(sha256_of(data), []).append(name.decode())
            assert self.documents.listed(directory) == sorted(held)
            for sha256, having in held.items():
                shown = self.documents.read(directory, sha256)
                assert shown["analysis"] == self.analyses.get(sha256, {})
                assert sorted(shown["storage"]["file_names"]) == sorted(having)


DocumentsMachine.TestCase.settings = settings(max_examples=share(0.4), stateful_step_count=25)
test_documents = DocumentsMachine.TestCase
