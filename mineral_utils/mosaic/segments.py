"""TIFF read segment by segment: tiles or strips, decoded when wanted, the last ones kept.

Uncompressed and deflated segments are decoded here (deflate carries a checksum, so damage shows);
others are wrapped as a TIFF of one strip and left to Pillow.
"""

from __future__ import annotations

import io
import struct
import zlib
from bisect import bisect_right
from collections import OrderedDict
from contextlib import suppress
from functools import cached_property
from typing import IO

import numpy as np
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile
from tqdm.auto import tqdm

from ..photos import PhotoError
from ..photos.colour import eight_bits, negative, to_rgb
from ..photos.files import reading
from ..photos.tiff import choose_page, stated_scale, tag_value
from .source import Damage, Source

KEPT_BYTES = 200_000_000  # of decoded segments: a row of tiles of a wide photo
LARGEST_BYTES = 300_000_000  # of one decoded segment
PIECE_BYTES = 4_000_000  # an uncompressed strip is read in pieces of so much
GREY = 128  # where nothing can be read
_NONE, _DEFLATE = 1, (8, 32946)
# what a decoder needs to know of a page: bits, compression, colours, fill order, samples, fax
# options, predictor, palette, extra and signed samples, JPEG tables, subsampling, reference levels
_COPIED = (258, 259, 262, 266, 277, 284, 292, 293, 317, 320, 338, 339, 347, 529, 530, 531, 532)


def open_tiff(file: IO[bytes], name: str, suffix: str, frame: int | None, limit: float) -> _Tiff:
    """One page of an open TIFF as a `Source`; see `mineral_utils.mosaic.source.open_source`."""
    notes: list[str] = []
    with reading(name):
        container = tifffile.TiffFile(file)
        page = container.pages[choose_page(container, name, suffix, frame, limit, notes)]
        scale = None
        with suppress(ArithmeticError, KeyError, TypeError, ValueError):  # metadata at odds
            scale = stated_scale(container)
        _check(page, name)
        return _Tiff(file, page, name, scale, notes)


def _check(page: tifffile.TiffPage, name: str) -> None:
    """Refuse what cannot be read segment by segment."""
    bits, kind = int(np.max(page.bitspersample)), int(page.compression)
    what, advice = "", "save it as an uncompressed or deflated TIFF of 8-bit RGB"
    plain = kind in (_NONE, *_DEFLATE)
    here = plain and page.photometric in (0, 1, 2)
    if tag_value(page, 274) in range(2, 9):
        what, advice = "carries a tag that turns it", "turn it upright and save it without the tag"
    elif np.dtype(page.dtype or "V").kind != "u" or (bits > 8 and bits != 16):
        what = f"has samples of {bits} bits that are no whole numbers of 8 or 16"
    elif bits == 16 and not here:
        what = "has compressed samples of 16 bits or colours other than grey and RGB"
    elif not here and page.planarconfig != 1:
        what = "keeps compressed colours, or others than grey and RGB, in separate planes"
    elif not plain and kind not in COMPRESSION_INFO:
        what = f"is compressed in a way that is not read here ({page.compression.name})"
    elif plain and page.predictor not in (1, 2):
        what = "is compressed with a predictor of floating-point numbers"
    if what:
        raise PhotoError(f"{name}: this TIFF {what}; {advice}.")


class _Tiff(Source):
    """See `Source`. `highest` costs a pass over the file unless it is set before."""

    def __init__(self, file: IO[bytes], page, name: str, scale: float | None, notes: list[str]):
        super().__init__(name, (page.imagelength, page.imagewidth), scale, notes)
        self.file, self.page = file, page
        self.deep = int(np.max(page.bitspersample)) == 16
        self.planes = page.samplesperpixel if page.planarconfig == 2 else 1
        self.samples = page.samplesperpixel // self.planes
        height, width = self.size
        self.tall = page.tilelength if page.is_tiled else min(page.rowsperstrip, height)
        self.wide = page.tilewidth if page.is_tiled else width
        self.across = -(-width // self.wide)
        self.lefts = [*range(0, width, self.wide), width]
        tops = range(0, height, self.tall)
        row = self.wide * self.samples * (1 + self.deep)
        step = self.tall
        if self._plain and page.compression == _NONE and not page.is_tiled:
            step = max(1, min(step, PIECE_BYTES // row))  # long strips in pieces
        self.tops = [y for top in tops for y in range(top, min(top + self.tall, height), step)]
        self.tops.append(height)
        if row * step * self.planes > LARGEST_BYTES:
            raise PhotoError(
                f"{name}: this TIFF is compressed in pieces of {self.wide} x {step} px, too large "
                "to decode one by one; save it with tiles of 256 to 1024 px."
            )
        self._kept: OrderedDict[tuple[int, int], np.ndarray | Damage] = OrderedDict()
        self._held = 0  # bytes

    @property
    def _plain(self) -> bool:
        """Whether samples are decoded here."""
        grey_or_rgb = self.page.photometric in (0, 1, 2)
        plain = self.page.compression in (_NONE, *_DEFLATE)
        return plain and grey_or_rgb and int(np.min(self.page.bitspersample)) in (8, 16)

    @cached_property
    def highest(self) -> int:
        """The highest value of deep samples."""
        high, notes = 0, self.notes
        places = [(i, j) for i in range(len(self.tops) - 1) for j in range(self.across)]
        for place in tqdm(places, desc="range of the 16-bit values", disable=len(places) < 64):
            with suppress(OSError, PhotoError):
                high = max(high, int(self._samples(*place).max()))
        bits, _ = eight_bits(high)
        notes.append(f"Its 16-bit samples were taken for {bits}-bit data and brought to 8 bits.")
        return high

    def read(self, rows: slice, cols: slice) -> tuple[np.ndarray, list[Damage]]:
        out = np.empty((rows.stop - rows.start, cols.stop - cols.start, 3), np.uint8)
        damaged = []
        for i in _touched(self.tops, rows):
            for j in _touched(self.lefts, cols):
                y, x = self.tops[i], self.lefts[j]
                below, right = min(self.tops[i + 1], rows.stop), min(self.lefts[j + 1], cols.stop)
                top, left = max(y, rows.start), max(x, cols.start)
                place = np.s_[top - rows.start : below - rows.start, left - cols.start :]
                part = self._segment(i, j)
                if isinstance(part, Damage):
                    damaged.append(part)
                    out[place][:, : right - left] = GREY
                else:
                    out[place][:, : right - left] = part[top - y : below - y, left - x : right - x]
        return out, damaged

    def _segment(self, i: int, j: int) -> np.ndarray | Damage:
        """Segment of row i and column j, uint8 RGB without padding, or why there is none."""
        key = (i, j)
        if key not in self._kept:
            self._kept[key] = part = self._decoded(i, j)
            self._held += getattr(part, "nbytes", 0)
            while self._held > KEPT_BYTES and len(self._kept) > 1:
                self._held -= getattr(self._kept.popitem(last=False)[1], "nbytes", 0)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _decoded(self, i: int, j: int) -> np.ndarray | Damage:
        place = (self.tops[i], self.lefts[j], self.tops[i + 1], self.lefts[j + 1])
        try:
            if self._plain:
                return self._coloured(self._samples(i, j))
            return self._by_pillow(i, j)
        except PhotoError:
            raise
        except Exception as error:  # decoders raise nearly anything on damaged bytes
            return Damage(*place, " ".join(str(error).split())[:120] or type(error).__name__)

    def _bytes(self, i: int, j: int, plane: int) -> tuple[bytes, int]:
        """Bytes of a segment as stored, and how many rows they should hold."""
        strip = self.tops[i] // self.tall
        number = (plane * -(-self.size[0] // self.tall) + strip) * self.across + j
        offset, count = self.page.dataoffsets[number], self.page.databytecounts[number]
        rows = self.tall if self.page.is_tiled else self.tops[i + 1] - self.tops[i]
        if self._plain and self.page.compression == _NONE and not self.page.is_tiled:
            row = self.wide * self.samples * (1 + self.deep)
            offset, count = offset + (self.tops[i] - strip * self.tall) * row, rows * row
        if not count:
            raise OSError("the file holds nothing for this place")
        self.file.seek(offset)
        data = self.file.read(count)
        if len(data) < count:
            raise OSError(f"the file ends {count - len(data)} bytes too early")
        return data, rows

    def _samples(self, i: int, j: int) -> np.ndarray:
        """Samples of a segment as stored, [rows, columns, samples], uint8 or uint16."""
        height, width = self.tops[i + 1] - self.tops[i], self.lefts[j + 1] - self.lefts[j]
        kind = np.dtype(self.page.parent.byteorder + ("u2" if self.deep else "u1"))
        planes = []
        for plane in range(self.planes):
            data, rows = self._bytes(i, j, plane)
            size = rows * self.wide * self.samples * kind.itemsize
            if self.page.compression in _DEFLATE:
                data = _inflated(data, size, self.tall * self.wide * self.samples * kind.itemsize)
            if len(data) < size:
                raise OSError(f"there are {len(data)} bytes of pixels in place of {size}")
            part = np.frombuffer(data[:size], kind).reshape(rows, self.wide, self.samples)
            part = part.astype(kind.newbyteorder("="))
            if self.page.predictor == 2 and self.page.compression != _NONE:
                part = np.cumsum(part, axis=1, dtype=part.dtype)
            planes.append(part[:height, :width])
        return planes[0] if len(planes) == 1 else np.concatenate(planes, axis=2)

    def _coloured(self, samples: np.ndarray) -> np.ndarray:
        """Samples of grey or RGB as RGB of 8 bits."""
        page = self.page
        if self.deep:
            bits, table = eight_bits(self.highest)
            samples = table[np.minimum(samples, 2**bits - 1)]
        colours = 3 if page.photometric == 2 else 1
        alpha = page.samplesperpixel > colours and page.extrasamples[:1] in ((1,), (2,))
        samples = samples[..., : colours + alpha]
        icc = tag_value(page, 34675)
        if samples.shape[2] == 3 and not icc:
            return samples
        picture = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
        return self._rgb(negative(picture) if page.photometric == 0 else picture, icc)

    def _by_pillow(self, i: int, j: int) -> np.ndarray:
        data, rows = self._bytes(i, j, 0)
        height, width = self.tops[i + 1] - self.tops[i], self.lefts[j + 1] - self.lefts[j]
        picture = TiffImageFile(io.BytesIO(_wrapped(self.page, self.file, data, self.wide, rows)))
        picture.load()
        return self._rgb(picture, tag_value(self.page, 34675))[:height, :width]

    def _rgb(self, picture: Image.Image, icc: bytes | None) -> np.ndarray:
        notes: list[str] = []
        if icc:
            picture.info["icc_profile"] = icc
        image = to_rgb(picture, notes)
        said = [note for note in notes if not note.startswith("Transparent pixels")]
        if len(said) < len(notes):  # their share is another in every segment
            said.append("Transparent pixels were put on black.")
        self.notes.extend(note for note in said if note not in self.notes)
        return image


def _touched(edges: list[int], part: slice) -> range:
    """Which intervals between edges a slice touches."""
    return range(bisect_right(edges, part.start) - 1, bisect_right(edges, part.stop - 1))


def _inflated(data: bytes, size: int, most: int) -> bytes:
    """Inflate, with the checksum at the end; some writers pad the last strip up to `most`."""
    engine = zlib.decompressobj()
    out = engine.decompress(data, most + 1)
    if not engine.eof and len(out) <= most:
        raise OSError("its deflate stream ends too early")
    if len(out) > most:
        raise OSError(f"its deflate stream holds more than {size} bytes of pixels")
    return out


def _wrapped(page: tifffile.TiffPage, file: IO[bytes], data: bytes, wide: int, rows: int) -> bytes:
    """One segment as a TIFF of one strip, with the page's tags about its coding."""
    order = page.parent.byteorder
    entries = []
    for code in _COPIED:
        if code not in page.tags:
            continue
        tag = page.tags[code]
        kind = int(tag.dtype)
        if kind <= 12:  # classic types; BigTIFF's longer ones are not used for these
            file.seek(tag.valueoffset)
            entries.append((code, kind, tag.count, file.read(tag.valuebytecount)))
    numbers = ((256, wide), (257, rows), (278, rows), (279, len(data)), (273, 0))
    entries += [(code, 4, 1, struct.pack(f"{order}L", value)) for code, value in numbers]
    entries.sort()
    at = 8 + 2 + 12 * len(entries) + 4
    directory, behind = b"", b""
    where = at + sum(len(raw) + len(raw) % 2 for *_, raw in entries if len(raw) > 4)
    for code, kind, count, raw in entries:
        if code == 273:
            raw = struct.pack(f"{order}L", where)
        directory += struct.pack(f"{order}HHL", code, kind, count)
        if len(raw) > 4:
            directory += struct.pack(f"{order}L", at + len(behind))
            behind += raw + bytes(len(raw) % 2)
        else:
            directory += raw.ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(f"{order}LH", 8, len(entries))
    return head + directory + bytes(4) + behind + data
