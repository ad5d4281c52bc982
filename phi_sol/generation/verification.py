"""Which frames of a simulation are on disk as they were generated."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ..errors import InputError
from ..storage.frames import REFERENCE, Checksums, checksum_in, frame_file


class Verification:
    """
    Reads the files of simulations, and compares what they hold with the checksums of what was written. A file is read
    once, and again if it has changed since.
    """

    def __init__(self, fields: Sequence[str], keep_reference_every: int, readers: int):
        self.every = {field: 1 for field in fields}
        self.every |= {f"{REFERENCE}/{field}": keep_reference_every for field in fields}
        self.readers = readers
        self._known: dict[Path, tuple[tuple[int, int], str | None]] = {}

    def wrong(self, folder: Path, frames: int, checksums: Checksums | None) -> str:
        """
        What is wrong with the first so many frames of a simulation, in words; nothing if they are there as they were
        generated. Without checksums it is enough that they can be read.
        """
        for name, index, path, found in self._read_all(folder, frames):
            if not path.is_file():
                return f"{path} is missing"
            if found is None:
                return f"{path} is damaged"
            if checksums is not None and [found] != list(checksums.get(name, ()))[index : index + 1]:
                return f"{path} is not the one that was generated"
        return ""

    def checksums(self, folder: Path, frames: int) -> dict[str, list[str]]:
        """The checksums of what the files hold, which are not damaged."""
        known: dict[str, list[str]] = {name: [] for name in self.every}
        for name, _, _, found in self._read_all(folder, frames):
            known[name].append(str(found))
        return known

    def _read_all(self, folder: Path, frames: int) -> Iterator[tuple[str, int, Path, str | None]]:
        """Of the first so many frames each field, its how-manyth file, the file, and the checksum of what it holds."""
        files = [(n, i, frame_file(folder, n, i * e)) for n, e in self.every.items() for i in range(-(-frames // e))]
        with ThreadPoolExecutor(self.readers) as pool:
            found = pool.map(self._read, (path for *_, path in files))
            yield from ((*file, value) for file, value in zip(files, found, strict=True))

    def _read(self, path: Path) -> str | None:
        """None for a file that is damaged or not there."""
        with suppress(InputError, FileNotFoundError):
            stat = path.stat()
            now = stat.st_size, stat.st_mtime_ns
            if self._known.get(path, (None, None))[0] != now:
                self._known[path] = now, None
                self._known[path] = now, checksum_in(path)
            return self._known[path][1]
        return None
