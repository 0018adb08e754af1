"""A key file as the sealer, for installations without KMS: one master key in a file or a mounted Kubernetes Secret.

It is never in the database: who has only the journal has nothing. Who loses the file loses the sealed values of the
rotations under way, and no credential. The file is one line: a word for its kind, a random id that names it in the
texts it wrapped, and the key in base64.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import ClassVar, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rotator.model.errors import Refused, Transient
from rotator.sealers.envelope import KEY_BYTES, EnvelopeKey, canonical, decrypt, encrypt

_LINE = re.compile(rb"rotator-key-file (\w+) ([A-Za-z0-9+/]{43}=)\s*")
_SCHEME = "keyfile"


@dataclass(frozen=True, slots=True)
class _Master:
    line: bytes = field(repr=False)  # the file's, which is all that it is made of
    id: str
    cipher: AESGCM = field(repr=False)


class KeyFile:
    """Data keys wrapped under the master key in the file at `path`, which is read each time it is needed."""

    needs: ClassVar[str] = "a file that nobody else may read, or a Kubernetes Secret"
    tried_on: ClassVar[str] = "files, and a mounted Secret as a cluster swaps it"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: _Master | None = None

    @classmethod
    def generate(cls, path: Path) -> Self:
        """Makes a new key file that only we can read: under its name it is whole, or it is not there.

        Raises Refused when there is one, or none can be made.
        """
        line = (
            f"rotator-key-file {secrets.token_hex(8)} {b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n"
        )
        try:
            # Who is ended between a file's making and its writing would leave half a key under this name for ever.
            with NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.") as writing:  # mode 0600
                writing.write(line)
                writing.flush()
                os.fsync(writing.fileno())
                os.link(writing.name, path)
            _sync_folder(path.parent)
        except FileExistsError:
            raise Refused(f"{path} exists; a key file is never overwritten") from None
        except OSError as error:
            raise Refused(f"cannot make the key file {path}: {error.strerror}") from None
        return cls(path)

    def new_key(self, context: Mapping[str, str]) -> EnvelopeKey:
        """A new data key bound to `context`. Raises Transient or Refused."""
        master, key = self._master(), secrets.token_bytes(KEY_BYTES)
        wrapped = f"{_SCHEME}:{master.id}:{encrypt(master.cipher, key, canonical(context))}"
        return EnvelopeKey(key, wrapped, context)

    def open_key(self, wrapped: str, context: Mapping[str, str]) -> EnvelopeKey:
        """The data key again. Raises Transient or Refused."""
        scheme, _, rest = wrapped.partition(":")
        sealed_by, _, text = rest.partition(":")
        if scheme != _SCHEME:
            raise Refused(
                "a sealed key in the journal was not made by a key file; set the sealer of that time again until its "
                "rotations have ended"
            )
        master = self._master()
        if sealed_by != master.id:
            raise Refused(
                f"the journal's keys were sealed by key file {sealed_by}, and {self._path} is key file {master.id}; "
                "put the other file back until its rotations have ended. No credential was touched"
            )
        try:
            return EnvelopeKey(decrypt(master.cipher, text, canonical(context)), wrapped, context)
        except (InvalidTag, ValueError):
            raise Refused(
                "a sealed key in the journal does not open: it was changed, or belongs to another rotation. "
                "The credentials themselves are untouched"
            ) from None

    def _master(self) -> _Master:
        """What the file holds now; a line that is the same as last time need not be taken apart again."""
        try:
            found, line = _read(self._path)
        except OSError as error:
            raise Transient(
                f"cannot read the key file {self._path}: {error.strerror}; nothing was changed, and the work goes on "
                "once it is there"
            ) from None
        _must_be_private(self._path, found)
        known = self._known
        if known is None or known.line != line:
            known = self._known = _parsed(self._path, line)
        return known


def _read(path: Path) -> tuple[os.stat_result, bytes]:
    """The file and its beginning, without a buffer: each phase of a rotation reads it. Raises OSError."""
    opened = os.open(path, os.O_RDONLY)
    try:
        return os.fstat(opened), os.read(opened, 1024)
    finally:
        os.close(opened)


def _parsed(path: Path, line: bytes) -> _Master:
    found = _LINE.fullmatch(line)
    if not found:
        raise Refused(
            f"{path} is not a key file of rotator, or it is damaged: put its copy back. Until then nothing is sealed "
            "and nothing is rotated"
        )
    return _Master(line, found[1].decode(), AESGCM(b64decode(found[2])))


def _must_be_private(path: Path, found: os.stat_result) -> None:
    """Only we may read it, or it is root's and our group may: so Kubernetes mounts a Secret (root:fsGroup, 0440)."""
    ours = found.st_uid == os.geteuid()
    lent = found.st_uid == 0 and found.st_gid in {os.getegid(), *os.getgroups()}
    mode = stat.S_IMODE(found.st_mode)
    private = mode & 0o077 == 0 if ours else lent and mode & 0o027 == 0
    if not private:
        raise Refused(
            f"others than rotator can read or replace the key file {path} (mode {mode:04o}, owner {found.st_uid}); "
            f"run: chown {os.geteuid()} {path} && chmod 600 {path} (in Kubernetes: defaultMode: 0400 and fsGroup). "
            "Until then nothing is sealed and nothing is rotated"
        )


def _sync_folder(folder: Path) -> None:
    """Makes the new file's name survive a crash of the machine."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
