"""The model files of a git revision, in a folder that lives as long as the command."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from ..errors import GreensageError
from ..spec.load import model_files


def is_revision(name: str) -> bool:
    """Return whether git knows `name` as a commit here."""
    # A name that begins with a dash must not become an option of git.
    return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").returncode == 0


def folder_at(revision: str, folder: Path, into: Path) -> Path:
    """Return `folder` as it was at `revision`, below `into`. Archives that git does not keep are taken from the work tree.

    Raises GreensageError where the revision has no such folder.
    """
    top = _git("rev-parse", "--show-toplevel")
    if top.returncode != 0:
        raise GreensageError(f"{revision}: not a folder, and this is no git repository")
    root = Path(top.stdout.decode().strip())
    try:
        inside = folder.resolve().relative_to(root.resolve())
    except ValueError:
        raise GreensageError(f"{folder} is not inside the git repository {root}") from None
    found = subprocess.run(["git", "-C", str(root), "archive", "--format=tar", revision, "--", str(inside)], capture_output=True)
    if found.returncode != 0:
        raise GreensageError(f"{revision} has no folder {inside}")
    try:
        with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
            # A revision may be somebody else's pull request, with links that lead out of the folder.
            archive.extractall(into, filter="data")
    except tarfile.TarError as error:
        raise GreensageError(f"{revision}: {inside} cannot be read: {error}") from None
    target = into / inside
    if not model_files(target):
        raise GreensageError(f"{revision} has no model file (*.yaml) in {inside}")
    _link_archives(target, root / inside)
    # Files may name archives of a sibling folder, as those of models/fleet do (../artifacts).
    if inside.parent != Path("."):
        _link_archives(target.parent, root / inside.parent)
    return target


def _link_archives(target: Path, source: Path) -> None:
    """Link what only the work tree has; never a model file, which may be newer than the revision."""
    for entry in source.iterdir() if source.is_dir() else ():
        if entry.suffix not in (".yaml", ".yml") and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", *arguments], capture_output=True)
    except FileNotFoundError:
        raise GreensageError("git is not installed; name two folders instead") from None
