"""Where files lie below the data folder, and how they come and go without a trace. Blocking: call it in a thread."""

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wsrf_activity.manager import sweep
from wsrf_activity.manager.sweeping import Sweeper

log = logging.getLogger(__name__)

UPLOADS = "uploads"
_STAGING = "staging"
_ACTIVITIES = "activities"
_IDENTITY = "identity"
_FEW = 16  #: paths that are not worth the start of a process
_LONG = 86400.0  #: seconds after which nobody is in the middle of anything


class Folders:
    """The layout: ``activities/ab/abcd.../{input,1,2,...}``, ``uploads/ID``; ``staging/ID`` while one is accepted."""

    def __init__(self, root: Path, *, make: bool = True) -> None:
        """Make the folders below ``root``, for the server's account only; ``make`` False is for who only looks."""
        self.root = root
        self._sweeper = Sweeper(root)
        for name in (UPLOADS, _STAGING, _ACTIVITIES) if make else ():
            (root / name).mkdir(parents=True, exist_ok=True, mode=0o700)

    def identity(self) -> str:
        """Return what tells this root from every other one, by whatever path it is reached; given at first asking."""
        path = self.root / _IDENTITY
        part = path.with_name(f"{_IDENTITY}.{os.getpid()}.part")
        if not path.exists():
            part.write_text(secrets.token_hex(16))
            with contextlib.suppress(FileExistsError):
                os.link(part, path)
            part.unlink()
        return path.read_text()

    def known_identity(self) -> str | None:
        """Return the same for who only looks; None where no server has asked yet that shares its database."""
        try:
            return (self.root / _IDENTITY).read_text()
        except FileNotFoundError:
            return None

    def relative(self, activity_id: str) -> str:
        """Return an activity's folder, relative to the root."""
        return f"{_ACTIVITIES}/{activity_id[:2]}/{activity_id}"

    def activity(self, activity_id: str) -> Path:
        """Return an activity's folder."""
        return self.root / self.relative(activity_id)

    def input(self, activity_id: str) -> Path:
        """Return the file that an activity reads."""
        return self.activity(activity_id) / "input"

    def attempt(self, activity_id: str, attempt: int) -> Path:
        """Return the folder of one attempt."""
        return self.root / f"{self.relative(activity_id)}/{attempt}"

    def upload(self, upload_id: str) -> Path:
        """Return the file of an upload."""
        return self.root / UPLOADS / upload_id

    def stage(self, activity_id: str, source: Path | bytes) -> None:
        """Put an input in place, on the disk, before its activity is accepted; ``staging`` remembers it till then."""
        mark = self.root / _STAGING / activity_id
        target = self.input(activity_id)
        mark.touch(mode=0o600)
        target.parent.mkdir(parents=True, mode=0o700)
        if isinstance(source, Path):
            _link_or_copy(source, target)
        else:
            target.write_bytes(source)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        _fsync_folder(target.parent)

    def give_input(self, activity_id: str, source: Path) -> None:
        """Put a file in the place of an accepted activity's input, before its work begins; once more is no harm."""
        target = self.input(activity_id)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.unlink(missing_ok=True)
        _link_or_copy(source, target)

    def accepted(self, activity_id: str) -> None:
        """Forget the mark: from now on the activity's row keeps its folder."""
        (self.root / _STAGING / activity_id).unlink(missing_ok=True)

    def staged(self) -> list[str]:
        """Return the activities that were being accepted when a server was killed."""
        return _names(self.root / _STAGING)

    def discard(self, activity_id: str) -> None:
        """Take back what was staged for an activity that was not accepted; what cannot be waits for the next start."""
        if self.remove([self.relative(activity_id)]):
            self.accepted(activity_id)

    def uploads(self) -> list[str]:
        """Return the inputs that were sent ahead, and with ``.part`` those that are cut off or still coming."""
        return _names(self.root / UPLOADS)

    def every(self) -> Iterator[str]:
        """Yield the activities that have a folder."""
        for prefix in _names(self.root / _ACTIVITIES):
            yield from _names(self.root / _ACTIVITIES / prefix)

    def forgotten_mark(self, activity_id: str) -> bool:
        """Whether nobody can still be accepting the activity."""
        return _is_old(self.root / _STAGING / activity_id)

    def forgotten_upload(self, upload_id: str) -> bool:
        """Whether nobody can still be sending the input."""
        return _is_old(self.upload(upload_id))

    def remove(self, paths: Sequence[str]) -> list[str]:
        """Remove files and folders below the root and return which are gone; what was gone already is as good.

        Where they are many a process does so, which ``rest`` ends.
        """
        try:
            left: Mapping[str, str] | None = self._sweeper.remove(paths) if len(paths) > _FEW else None
        except TimeoutError:
            log.warning("%s does not answer; %d folders or files below it are removed later", self.root, len(paths))
            return []
        if left is None:
            left = sweep.remove_all(os.fspath(self.root), paths)
        for path, reason in left.items():
            log.warning("%s cannot be removed just now: %s", self.root / path, reason)
        return [path for path in paths if path not in left]

    def rest(self) -> None:
        """Keep no process at hand for more of them."""
        self._sweeper.rest()


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []  # nothing has been put there yet


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _LONG
    except FileNotFoundError:
        return False


def _link_or_copy(source: Path, target: Path) -> None:
    """One file on the disk for many activities; a copy where the file system has no links left."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
