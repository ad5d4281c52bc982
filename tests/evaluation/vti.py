"""VTK image data, read by its definition."""

import base64
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

TYPES = {"Float32": "<f4", "Float64": "<f8", "Int8": "|i1"}


def read_vti(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Attributes of the image, and the values in cells, of shape (z, y, x[, 3])."""
    root = ElementTree.parse(path).getroot()
    assert root.get("type") == "ImageData" and root.get("header_type") == "UInt64"
    image = root.find("ImageData")
    extent = [int(n) for n in image.get("WholeExtent").split()]
    assert image.find("Piece").get("Extent") == image.get("WholeExtent")
    shape = [max(1, extent[2 * i + 1] - extent[2 * i]) for i in (2, 1, 0)]
    values = {}
    for array in image.findall("./Piece/CellData/DataArray"):
        raw = base64.b64decode(array.text)
        assert np.frombuffer(raw[:8], "<u8")[0] == len(raw) - 8 and array.get("format") == "binary"
        components = [int(array.get("NumberOfComponents"))] if array.get("NumberOfComponents") else []
        values[array.get("Name")] = np.frombuffer(raw[8:], TYPES[array.get("type")]).reshape([*shape, *components])
    time = image.find("./FieldData/DataArray")
    facts = {n: [float(v) for v in image.get(n).split()] for n in ("Origin", "Spacing")} | {"extent": extent}
    return facts | {"time": np.frombuffer(base64.b64decode(time.text)[8:], "<f8")[0]}, values
