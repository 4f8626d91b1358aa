import zlib

import numpy as np
import pytest

from partimento.render.png import SIGNATURE, png_of, png_size, read_text, with_text

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def test_pixels_come_back():
    png = png_of(PIXELS)
    assert png_size(png) == (5, 4)
    place = png.index(b"IDAT")
    length = int.from_bytes(png[place - 4 : place], "big")
    rows = np.frombuffer(zlib.decompress(png[place + 4 : place + 4 + length]), np.uint8)
    assert np.array_equal(rows.reshape(4, 16)[:, 1:].reshape(4, 5, 3), PIXELS)
    assert not rows.reshape(4, 16)[:, 0].any()


def test_texts_come_back_and_the_picture_stays():
    png = png_of(PIXELS)
    marked = with_text(png, {"Title": "dog", "partimento": '{"seed": 1}'})
    assert read_text(marked) == {"Title": "dog", "partimento": '{"seed": 1}'}
    assert read_text(png) == {}
    assert png_size(marked) == (5, 4)
    assert marked.endswith(png[33:])


def test_an_independent_reader_understands_both(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "a.png").write_bytes(with_text(png_of(PIXELS), {"Comment": "caf\u00e9 \u266b"}))
    with image.open(tmp_path / "a.png") as opened:
        opened.load()
        assert opened.text == {"Comment": "caf\u00e9 ?"}
        assert np.array_equal(np.asarray(opened), PIXELS)


@pytest.mark.parametrize(
    "pixels", [PIXELS[:, :, :2], PIXELS.astype(np.int32), PIXELS[0], PIXELS[:0]]
)
def test_no_picture_is_refused(pixels):
    with pytest.raises(ValueError, match="a picture"):
        png_of(pixels)


def test_no_png_and_no_key_are_refused():
    with pytest.raises(ValueError, match="no PNG"):
        with_text(b"GIF89a", {})
    with pytest.raises(ValueError, match="no PNG"):
        read_text(b"")
    with pytest.raises(ValueError, match="no key"):
        with_text(png_of(PIXELS), {"": "empty"})
    with pytest.raises(ValueError, match="cut off"):
        read_text(png_of(PIXELS)[:-3])
    with pytest.raises(ValueError, match="no PNG"):
        png_size(SIGNATURE)
