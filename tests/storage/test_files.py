"""JSON files: sealed, checked by a schema, and one line for whatever is wrong with them."""

import json
import os

import pytest

from phi_sol.errors import InputError, MissingError
from phi_sol.storage.files import SEAL, read_json, write_json
from phi_sol.storage.schemas import CORRECTOR, DESCRIPTION

DESCRIBED = {
    "scene": "wake",
    "split": "train",
    "pair": {},
    "parameters": {"reynolds": 100.0},
    "warmup": 0,
    "frames": 3,
    "keep_reference_every": 1,
    "fingerprint": "0123",
    "complete": True,
}


def test_what_is_written_is_read(tmp_path):
    content = {"a": [1, 2.5, None, float("inf")], "b": {"c": "ä"}, "t": (1, 2)}
    write_json(tmp_path / "file.json", content)
    assert read_json(tmp_path / "file.json") == content | {"t": [1, 2]}
    assert json.loads((tmp_path / "file.json").read_text())[SEAL]


def test_a_file_without_checksum_is_read(tmp_path):
    (tmp_path / "file.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "file.json") == {"a": 1}


@pytest.mark.parametrize("before, after", [("100.0", "200.0"), ('"frames": 3', '"frames": 2'), ("true", "false")])
def test_a_change_is_noticed(tmp_path, before, after):
    file = tmp_path / "description.json"
    write_json(file, DESCRIBED)
    text = file.read_text()
    file.write_text(text.replace(before, after))
    assert file.read_text() != text
    with pytest.raises(InputError, match="description.json was changed after it was written .*run 'phi-sol generate'"):
        read_json(file, DESCRIPTION)
    file.write_text(json.dumps(dict(reversed(json.loads(text).items()))))  # another order and layout is no change
    assert read_json(file, DESCRIPTION) == DESCRIBED


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"a": ' * 100_000,
        b"\x00" * 100,
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
    ids=["empty", "cut", "list", "null", "no utf-8", "deep lists", "deep objects", "zeros", "long number"],
)
def test_damage_is_one_line(tmp_path, content):
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_json(file)
    assert str(caught.value).startswith(f"{file} is damaged (") and "\n" not in str(caught.value)
    assert not isinstance(caught.value, MissingError)


@pytest.mark.parametrize(
    "entry, value, said",
    [
        ("parameters", {"reynolds": float("nan")}, r"parameters\.reynolds: input should be a finite number"),
        ("parameters", {"reynolds": "100"}, r"parameters\.reynolds: input should be a valid number"),
        ("frames", 0, "frames: input should be greater than 0"),
        ("frames", True, "frames: input should be a valid integer"),
        ("warmup", 1.5, "warmup: input should be a valid integer"),
        ("pair", [], "pair: input should be a valid dictionary"),
        ("checksums", {"velocity": [1]}, r"checksums\.velocity: input should be a valid string"),
        ("scene", None, "scene: input should be a valid string"),
    ],
)
def test_content_is_checked_by_its_schema(entry, value, said, tmp_path):
    assert not DESCRIPTION.violation(DESCRIBED)
    (tmp_path / "description.json").write_text(json.dumps(DESCRIBED | {entry: value}))
    with pytest.raises(InputError, match=rf"description.json is damaged \({said}"):
        read_json(tmp_path / "description.json", DESCRIPTION)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_scales_of_a_corrector_are_positive(value):
    numbers = {"mean": {"a": 0.0}, "std": {"a": 1.0}, "correction": {"a": 1.0}, "log_mean": {}, "log_std": {}}
    shapes = {"resolution": [8, 8], "inputs": ["a"], "outputs": ["a"], "parameters": []}
    assert not CORRECTOR.violation({"flow": {}, "adapter": shapes, "statistics": numbers})
    numbers["std"] = {"a": value}
    assert "statistics.std.a" in CORRECTOR.violation({"flow": {}, "adapter": shapes, "statistics": numbers})


def test_a_missing_file(tmp_path):
    with pytest.raises(MissingError, match="run.json is missing"):
        read_json(tmp_path / "run.json")
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        read_json(tmp_path / "file" / "run.json")
    with pytest.raises(InputError, match="can't be read: Is a directory"):
        read_json(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_not_allowed_is_not_damaged(tmp_path):
    write_json(tmp_path / "run.json", {"a": 1})
    (tmp_path / "run.json").chmod(0)
    with pytest.raises(InputError, match="run.json can't be read: Permission denied"):
        read_json(tmp_path / "run.json")
