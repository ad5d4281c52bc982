"""Unpacked frames: made once, anew when a frame changes, never half, and in constant memory."""

import os
import re
import shutil
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

from phi_sol import Dataset, InputError
from phi_sol.storage import packed
from phi_sol.storage.dataset import find_simulations
from phi_sol.storage.files import read_json, write_json
from phi_sol.storage.frames import read_frame


@pytest.fixture
def copied(tiny_data, tmp_path):
    shutil.copytree(tiny_data / "train", tmp_path / "train", ignore=shutil.ignore_patterns(".packed"))
    return tmp_path / "train"


def load(tiny, folder, **kwargs):
    return Dataset(tiny.pair, find_simulations(folder, "train"), **kwargs)


def never(*_):
    raise AssertionError("unpacked again")


def test_frames_are_unpacked_once(tiny, copied, monkeypatch):
    seen = []
    first = load(tiny, copied, progress=lambda frame, total: seen.append((frame, total)))
    assert seen == [(i + 1, 26) for i in range(26)]
    assert all(
        isinstance(a, np.memmap) and a.dtype == np.float32 and not a.flags.writeable for a in first.arrays.values()
    )
    for s in range(2):
        for i in (0, 5, 12):
            for name, values in read_frame(tiny.pair.source, copied / f"sim_{s:06d}", i).items():
                np.testing.assert_array_equal(first.arrays[name][s, i], values)
    monkeypatch.setattr(packed, "read_frame", never)
    np.testing.assert_array_equal(load(tiny, copied).arrays["marker"], first.arrays["marker"])
    assert load(tiny, copied, frames=3).arrays["marker"].shape[1] == 4


def test_moments(tiny, copied):
    data = load(tiny, copied)
    for name, array in data.arrays.items():
        assert data.moments()[name] == pytest.approx(
            (array.mean(dtype=np.float64), array.std(dtype=np.float64)), rel=1e-6
        )
        assert data.moments([1])[name] == pytest.approx(
            (array[1].mean(dtype=np.float64), array[1].std(dtype=np.float64)), rel=1e-6
        )
        assert data.largest([name]) == np.abs(array).max()


def test_a_changed_frame_is_noticed(tiny, copied):
    before = load(tiny, copied).arrays["marker"].copy()
    path = copied / "sim_000001" / "marker_000004.npz"
    with np.load(path, allow_pickle=True) as stored:
        content = dict(stored)
    np.savez_compressed(path, **content | {"data": content["data"] + 1})
    with pytest.raises(InputError, match="marker_000004.npz is not the one that was generated"):
        load(tiny, copied)
    file = copied / "sim_000001" / "description.json"
    write_json(file, {n: v for n, v in read_json(file).items() if n != "checksums"})  # as earlier versions did
    after = load(tiny, copied).arrays["marker"]
    np.testing.assert_allclose(after[1, 4], before[1, 4] + 1)
    np.testing.assert_array_equal(after[0], before[0])
    assert len(list((copied / ".packed").iterdir())) == 1


def test_an_interrupted_or_damaged_pack_is_none(tiny, copied):
    def interrupt(frame, total):
        if frame == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(tiny, copied, progress=interrupt)
    assert not list((copied / ".packed").iterdir())
    expected = load(tiny, copied).arrays["marker"].copy()
    (file,) = (copied / ".packed").glob("*/marker.npy")
    content, manifest = file.read_bytes(), file.with_name("manifest.json").read_text()
    damages = {
        "cut": lambda: file.write_bytes(content[:-8]),
        "empty": lambda: file.write_bytes(b""),
        "one bit": lambda: file.write_bytes(content[:-100] + bytes([content[-100] ^ 1]) + content[-99:]),
        "zeros": lambda: file.write_bytes(content[:128] + bytes(len(content) - 128)),
        "missing": file.unlink,
        "another array": lambda: shutil.copy(file.with_name("velocity.y.npy"), file),
        "float64": lambda: np.save(file, expected.astype(float)),
        "big-endian": lambda: np.save(file, expected.astype(">f4")),
        "Fortran's order": lambda: np.save(file, np.asfortranarray(expected)),
        "longer": lambda: file.write_bytes(content + b"more"),
        "manifest": lambda: file.with_name("manifest.json").write_text(manifest.replace("marker", "smoke")),
        "moments": lambda: file.with_name("manifest.json").write_text(
            re.sub(r'"mean": [\d.-]+', '"mean": 7.0', manifest)
        ),
        "no manifest": file.with_name("manifest.json").unlink,
    }
    for kind, damage in damages.items():
        moments = load(tiny, copied).moments()
        damage()
        again = load(tiny, copied)
        np.testing.assert_array_equal(again.arrays["marker"], expected, err_msg=kind)
        assert again.moments() == moments and file.read_bytes() == content, kind
    abandoned = copied / ".packed" / "x.part-1"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))
    os.utime(copied / "sim_000000" / "marker_000000.npz")
    load(tiny, copied)
    assert not abandoned.exists()


def test_where_nothing_can_be_written_a_temporary_folder_serves(tiny, copied, caplog):
    (copied / ".packed").write_text("in the way")
    data = load(tiny, copied)
    (line,) = caplog.messages
    assert ".packed can't be written" in line and "for this time only" in line
    assert not os.path.exists(os.path.dirname(data.arrays["marker"].filename))  # what is mapped stays
    for name, values in read_frame(tiny.pair.source, copied / "sim_000001", 12).items():
        np.testing.assert_array_equal(data.arrays[name][1, 12], values)


def test_an_error_leaves_nothing(tiny, copied):
    path = copied / "sim_000001" / "marker_000004.npz"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="marker_000004.npz is damaged"):
        load(tiny, copied)
    assert not list((copied / ".packed").iterdir())


def test_unpacking_takes_constant_memory(tiny, copied, monkeypatch):
    """The same frame over and over: the peak must not grow with the number of frames."""
    frame = read_frame(tiny.pair.source, copied / "sim_000000", 0)
    size = sum(a.nbytes for a in frame.values())
    monkeypatch.setattr(packed, "read_frame", lambda *_: {n: a.copy() for n, a in frame.items()})
    folder = copied / "sim_000000"
    for i in range(13, 400):
        for name in tiny.pair.source.fields:
            os.link(folder / f"{name}_000000.npz", folder / f"{name}_{i:06d}.npz")
    peaks = []
    for frames in (100, 399):
        packed.Packed(tiny.pair.source, [folder], frames - 1)  # whatever is imported and kept once
        found = []
        for _ in range(3):  # other threads allocate, too: the least is this one's
            shutil.rmtree(copied / ".packed")
            tracemalloc.start()
            packed.Packed(tiny.pair.source, [folder], frames)
            found.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        peaks.append(min(found))
    assert peaks[1] - peaks[0] < 299 * size / 10, "frames are kept"


def test_a_disk_without_room_for_them(tiny, copied, monkeypatch):
    disk = SimpleNamespace(f_frsize=4096, f_blocks=100, f_bavail=20)
    monkeypatch.setattr("phi_sol.places.os.statvfs", lambda path: disk)
    with pytest.raises(InputError, match=r"needs up to 0\.\d+ MB of disk; 0\.0819 MB are free in .*: make room"):
        load(tiny, copied)
    assert not list((copied / ".packed").iterdir())
