"""Watching policies.yaml: asked now and then, never by threads or inotify, which miss what Kubernetes does.

A ConfigMap is mounted as a folder whose `..data` link is swapped in one step; the file's own inode tells nothing
until then. A plain file is told by inode, size and time of change.
"""

from __future__ import annotations

from pathlib import Path

from rotator.config.strict_yaml import MAX_BYTES


class PolicyFile:
    """One policy file. Whoever asks keeps the last good text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: object = None
        self._text: str | None = None

    def changed(self) -> str | None:
        """The text, when it is another than at the last call; None when it is not, or is just being written.

        Bytes that are not UTF-8 come back as surrogates, which the loader complains about. Raises OSError when the
        file cannot be read.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return None
        with self._path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode(errors="surrogateescape")
        if self._look() != stamp:
            return None
        self._stamp = stamp
        if text == self._text:
            return None
        self._text = text
        return text

    def _look(self) -> object:
        try:
            return (self._path.parent / "..data").readlink()
        except OSError:
            seen = self._path.stat()
            return seen.st_ino, seen.st_size, seen.st_mtime_ns
