"""A folder full of what people hand over as photos: good, odd, broken, and not photos at all.

``make_corpus(folder)`` writes it, from code alone. Every good file shows the same four flat
colours, so that a wrong turn, a swapped channel or half a picture is seen at a glance::

    red   | green
    ------+-------
    blue  | yellow
"""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, features

HEIGHT, WIDTH = 64, 96  # px; quarters of 32 x 48 px, so that JPEG's blocks do not straddle colours


@dataclass(frozen=True)
class Case:
    """One file: ``expect`` is "ok", or a regular expression of the error sentence.

    ``pixels`` (uint8 [H, W, 3]) is what a good file shows, to within ``tolerance`` levels;
    ``note`` is a regular expression of what should stand in the notes, ``um_per_px`` the scale
    that the file states, ``options`` what ``load_photo`` is told besides the path.
    """

    path: Path
    kind: str
    expect: str
    pixels: np.ndarray | None = None
    tolerance: int = 0
    note: str = ""
    um_per_px: float | None = None
    options: dict = field(default_factory=dict)


def four_colours() -> np.ndarray:
    """uint8 [64, 96, 3]: red, green over blue, yellow."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:32, :48], image[:32, 48:] = (200, 40, 30), (40, 180, 60)
    image[32:, :48], image[32:, 48:] = (30, 60, 210), (220, 200, 90)
    return image


def png_bytes(
    samples: np.ndarray, colour_type: int, *extra: bytes, depth: int = 8, interlaced: bool = False
) -> bytes:
    """A PNG put together by hand, for the kinds that Pillow does not write."""
    samples = samples.astype(">u2" if depth == 16 else np.uint8)
    passes = [(0, 0, 1, 1)]
    if interlaced:  # Adam7: first column, first row, steps
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)]
        passes += [(0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + row.tobytes() for x, y, dx, dy in passes for row in samples[y::dy, x::dx]
    )
    height, width = samples.shape[:2]
    return b"".join(
        [b"\x89PNG\r\n\x1a\n", _ihdr(width, height, depth, colour_type, interlaced), *extra]
        + [_chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b"")]
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _ihdr(width: int, height: int, depth: int = 8, colour_type: int = 2, interlaced=0) -> bytes:
    return _chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    )


def packed_tiff(samples: np.ndarray, order: str) -> bytes:
    """A TIFF of 16-bit RGB in PackBits, which tifffile alone neither writes nor reads."""
    height, width, colours = samples.shape
    rows = [row.astype(f"{order}u2").tobytes() for row in samples]
    runs = [row[at : at + 128] for row in rows for at in range(0, len(row), 128)]
    body = b"".join(bytes([len(run) - 1]) + run for run in runs)
    body += bytes(len(body) % 2)
    depth, strip = 8 + len(body), 8  # where the bits a sample stand, and the pixels
    tags = {256: width, 257: height, 258: depth, 259: 32773, 262: 2, 273: strip, 277: colours}
    tags |= {278: height, 279: len(body)}
    entries = [
        struct.pack(f"{order}HHII", tag, 3 if tag == 258 else 4, 3 if tag == 258 else 1, value)
        for tag, value in tags.items()
    ]
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, depth + 6)
    bits = struct.pack(f"{order}3H", 16, 16, 16)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return head + body + bits + directory


def icc_profile(title: str, space: bytes) -> bytes:
    """A small ICC profile: linear-light RGB or grey, or a CMYK in which only cyan darkens."""

    def fixed(*numbers: float) -> bytes:
        return struct.pack(f">{len(numbers)}i", *(round(n * 65536) for n in numbers))

    text = title.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249),
    }
    linear = b"curv\0\0\0\0\0\0\0\0"
    if space == b"RGB ":  # the primaries of sRGB under D50
        tags |= {b"rXYZ": b"XYZ \0\0\0\0" + fixed(0.4361, 0.2225, 0.0139), b"rTRC": linear}
        tags |= {b"gXYZ": b"XYZ \0\0\0\0" + fixed(0.3851, 0.7169, 0.0971), b"gTRC": linear}
        tags |= {b"bXYZ": b"XYZ \0\0\0\0" + fixed(0.1431, 0.0606, 0.7142), b"bTRC": linear}
    elif space == b"GRAY":
        tags |= {b"kTRC": linear}
    else:  # a table of 2 x 2 x 2 x 2 inks: Lab is white without cyan, black with it
        matrix = fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
        grid = b"".join(bytes([255 * (1 - cyan), 128, 128]) for cyan in (0, 1) for _ in range(8))
        table = bytes(range(256)) * 4 + grid + bytes(range(256)) * 3
        tags |= {b"A2B0": b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + table}
    directory, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for kind, data in tags.items():
        directory += kind + struct.pack(">II", at + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = at + len(body)
    pcs, use = (b"Lab ", b"prtr") if space == b"CMYK" else (b"XYZ ", b"mntr")
    header = struct.pack(">I4xI", size, 0x02100000) + use + space + pcs + bytes(12) + b"acsp"
    header += bytes(28) + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body


def make_corpus(folder: str | os.PathLike) -> list[Case]:
    """Write the corpus into ``folder`` (made if missing) and say what to expect of each file."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    corpus = _Corpus(folder)
    for chapter in (_plain, _colour, _depth, _turned, _frames, _tiffs, _damaged, _foreign, _odd):
        chapter(corpus)
    return corpus.cases


class _Corpus:
    def __init__(self, folder: Path) -> None:
        self.folder, self.cases = folder, []
        self.scene = four_colours()
        self.picture = Image.fromarray(self.scene)

    def ok(self, name: str, kind: str, content: bytes | None = None, **more) -> Path:
        """Note a good file; by default it shows the four colours exactly."""
        more.setdefault("pixels", self.scene)
        return self._add(name, kind, "ok", content, more)

    def bad(self, name: str, kind: str, expect: str, content: bytes | None = None, **more) -> Path:
        return self._add(name, kind, expect, content, more)

    def _add(self, name, kind, expect, content, more) -> Path:
        path = self.folder / name
        if any(path == case.path for case in self.cases):
            raise ValueError(f"two cases are called {name}")
        self.cases.append(Case(path, kind, expect, **more))
        if content is not None:
            path.write_bytes(content)
        return path

    def bytes(self, kind: str, picture: Image.Image | None = None, **settings) -> bytes:
        buffer = io.BytesIO()
        (picture or self.picture).save(buffer, kind, **settings)
        return buffer.getvalue()


def _plain(c: _Corpus) -> None:
    """Formats."""
    jpeg = {"quality": 95, "subsampling": 0}
    c.ok("plain.jpg", "JPEG", c.bytes("JPEG", **jpeg), tolerance=4)
    c.ok("progressive.jpg", "JPEG", c.bytes("JPEG", progressive=True, **jpeg), tolerance=4)
    c.ok("plain.png", "PNG", c.bytes("PNG"))
    c.ok("interlaced.png", "PNG", png_bytes(c.scene, 2, interlaced=True))
    c.ok("plain.bmp", "BMP", c.bytes("BMP"))
    c.ok("lossless.webp", "WebP", c.bytes("WEBP", lossless=True))
    grey = np.repeat(c.scene[..., :1], 3, axis=2)  # lossy WebP blends colours where they meet
    lossy = c.bytes("WEBP", Image.fromarray(grey), quality=95)
    c.ok("lossy.webp", "WebP", lossy, pixels=grey, tolerance=6)
    c.ok("plain.ppm", "PNM", c.bytes("PPM"))
    c.ok("still.gif", "GIF", c.bytes("GIF"), note="palette")
    if features.check("jpg_2000"):
        c.ok("plain.jp2", "JPEG 2000", c.bytes("JPEG2000"))
    if features.check("avif"):
        c.ok("plain.avif", "AVIF", c.bytes("AVIF", quality=100, subsampling="4:4:4"), tolerance=4)
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        c.ok(f"{compression}.tif", "TIFF", c.bytes("TIFF", compression=compression))
    # content counts, not the name
    c.ok("really a png.jpg", "wrong suffix", c.bytes("PNG"))
    c.ok("really a tiff.png", "wrong suffix", c.bytes("TIFF"))
    c.ok("no_suffix", "name", c.bytes("PNG"))
    c.ok("SHOUTED.JPG", "name", c.bytes("JPEG", **jpeg), tolerance=4)
    c.ok("шлиф 12, галенит.png", "name", c.bytes("PNG"))
    c.ok("two  spaces & (brackets) 100%.png", "name", c.bytes("PNG"))
    c.ok("-dash.png", "name", c.bytes("PNG"))
    letters = 100 if sys.platform == "win32" else 200  # a path ends at 260 there
    c.ok("long" + "g" * letters + ".png", "name", c.bytes("PNG"))


def _colour(c: _Corpus) -> None:
    """Modes, transparency, colour profiles."""
    red = c.scene[..., 0]
    grey = np.repeat(red[..., None], 3, axis=2)
    c.ok("grey.png", "grey", png_bytes(red, 0), pixels=grey, note="grey")
    c.ok("grey.jpg", "grey", c.bytes("JPEG", Image.fromarray(red)), pixels=grey, tolerance=4)
    bits = Image.fromarray(red > 100)
    black_white = np.where(grey > 100, 255, 0).astype(np.uint8)
    c.ok("one_bit.png", "1 bit", c.bytes("PNG", bits), pixels=black_white, note="grey")
    c.ok("fax.tif", "1 bit", c.bytes("TIFF", bits, compression="group4"), pixels=black_white)
    palette = c.picture.quantize(4)
    c.ok("palette.png", "palette", c.bytes("PNG", palette), note="palette")
    c.ok("palette.tif", "palette", c.bytes("TIFF", palette), note="palette")

    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    opaque = np.dstack([c.scene, alpha])
    c.ok("opaque.png", "RGBA", png_bytes(opaque, 6), note="without transparent pixels")
    alpha[:32, :48], alpha[:32, 48:] = 0, 128
    on_black = np.rint(c.scene * (alpha[..., None] / 255.0)).astype(np.uint8)
    holes = np.dstack([c.scene, alpha])
    share = r"50\.00%"
    rgba = {"pixels": on_black, "tolerance": 1, "note": share}
    c.ok("holes.png", "RGBA", png_bytes(holes, 6), **rgba)
    c.ok(
        "holes.webp",
        "RGBA",
        c.bytes("WEBP", Image.fromarray(holes), lossless=True, exact=True),
        **rgba,
    )
    c.ok("holes.tif", "RGBA", c.bytes("TIFF", Image.fromarray(holes)), **rgba)
    la = np.dstack([red, alpha])
    grey_on_black = np.repeat(on_black[..., :1], 3, axis=2)
    c.ok("la.png", "LA", png_bytes(la, 4), pixels=grey_on_black, tolerance=1, note=share)
    pa = Image.fromarray(holes).convert("PA")
    pa_rgb = Image.alpha_composite(Image.new("RGBA", pa.size, "black"), pa.convert("RGBA"))
    c.ok("pa.tif", "PA", c.bytes("TIFF", pa), pixels=np.array(pa_rgb)[..., :3], tolerance=1)
    see_through = _chunk(b"tRNS", struct.pack(">3H", 200, 40, 30))  # red is transparent
    keyed = c.scene.copy()
    keyed[:32, :48] = 0
    c.ok("keyed.png", "tRNS", png_bytes(c.scene, 2, see_through), pixels=keyed, note=r"25\.00%")

    cmyk = np.dstack([255 - c.scene, np.full((HEIGHT, WIDTH), 40, np.uint8)])
    plain = np.rint(c.scene * (215 / 255)).astype(np.uint8)
    inks, how = Image.fromarray(cmyk, "CMYK"), {"quality": 97, "subsampling": 0}
    adobe = c.bytes("JPEG", inks, **how)
    about = {"tolerance": 6, "note": "approximate"}
    c.ok("cmyk adobe.jpg", "CMYK", adobe, pixels=plain, **about)
    at = adobe.index(b"\xff\xee")  # Adobe's marker; its custom, inks inverted, is taken for granted
    bare = adobe[:at] + adobe[at + 2 + struct.unpack(">H", adobe[at + 2 : at + 4])[0] :]
    c.ok("cmyk bare.jpg", "CMYK", bare, pixels=plain, **about)
    c.ok("cmyk.tif", "CMYK", c.bytes("TIFF", inks), pixels=plain, tolerance=1, note="approximate")
    profile = icc_profile("Only cyan darkens", b"CMYK")
    white, black = (0, 90, 200, 0), (255, 0, 0, 0)
    page = np.empty((HEIGHT, WIDTH, 4), np.uint8)
    page[:32], page[32:] = white, black
    two = np.zeros_like(c.scene)
    two[:32] = 255
    cyan = c.bytes("TIFF", Image.fromarray(page, "CMYK"), icc_profile=profile)
    c.ok("cmyk profile.tif", "CMYK", cyan, pixels=two, tolerance=2, note="Only cyan darkens")

    light = c.scene / 255.0
    brighter = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    brighter = np.rint(brighter * 255).astype(np.uint8)
    profile = icc_profile("Linear light", b"RGB ")
    linear = {"pixels": brighter, "tolerance": 2, "note": "Linear light.* to sRGB"}
    c.ok("linear.png", "colour profile", c.bytes("PNG", icc_profile=profile), **linear)
    c.ok("linear.tif", "colour profile", c.bytes("TIFF", icc_profile=profile), **linear)
    named = icc_profile("sRGB by name", b"RGB ")
    c.ok("srgb.png", "colour profile", c.bytes("PNG", icc_profile=named))
    torn = c.bytes("PNG", icc_profile=profile[:200])
    c.ok("torn profile.png", "colour profile", torn, note="profile is damaged")
    linear["pixels"] = np.repeat(brighter[..., :1], 3, axis=2)
    profile = icc_profile("Linear light", b"GRAY")
    c.ok(
        "linear grey.tif",
        "colour profile",
        c.bytes("TIFF", Image.fromarray(red), icc_profile=profile),
        **linear,
    )


def _depth(c: _Corpus) -> None:
    """More than 8 bits a sample."""
    deep = c.scene.astype(np.uint16) * 257
    camera = (c.scene.astype(np.uint32) * 4095 // 255).astype(np.uint16)
    red = np.repeat(c.scene[..., :1], 3, axis=2)
    full, twelve = {"note": "divided by 257"}, {"note": "12-bit data", "tolerance": 1}
    c.ok("16 bit.png", "16 bit", png_bytes(deep, 2, depth=16), **full)
    c.ok("12 in 16 bit.png", "16 bit", png_bytes(camera, 2, depth=16), **twelve)
    c.ok("16 bit grey.png", "16 bit", png_bytes(deep[..., 0], 0, depth=16), pixels=red, **full)
    alpha = np.dstack([camera, np.full((HEIGHT, WIDTH), 65535, np.uint16)])
    c.ok("16 bit alpha.png", "16 bit", png_bytes(alpha, 6, depth=16), **twelve)
    turned = icc_profile("sRGB by name", b"RGB "), Image.Exif()
    turned[1][274] = 3
    exif = _chunk(b"eXIf", turned[1].tobytes()[6:])
    c.ok("16 bit turned.png", "16 bit", png_bytes(deep[::-1, ::-1], 2, exif, depth=16), **full)
    c.ok("16 bit.pgm", "16 bit", c.bytes("PPM", Image.fromarray(deep[..., 0])), pixels=red, **full)

    def tif(name: str, array: np.ndarray, kind: str = "16 bit", expect: str = "ok", **settings):
        more = {k: settings.pop(k) for k in ("pixels", "note", "tolerance") if k in settings}
        add = c.ok(name, kind, **more) if expect == "ok" else c.bad(name, kind, expect)
        tifffile.imwrite(add, array, **settings)

    rgb = {"photometric": "rgb"}
    planes = np.ascontiguousarray(deep.transpose(2, 0, 1))
    for order in "<>":
        tif(f"16 bit {'II' if order == '<' else 'MM'}.tif", deep, byteorder=order, **rgb, **full)
    tif("16 bit deflate.tif", deep, compression="zlib", predictor=True, **rgb, **full)
    tif("16 bit planes.tif", planes, planarconfig="separate", **rgb, **full)
    tif("16 bit tiles.tif", deep, tile=(32, 32), **rgb, **full)
    tif("12 in 16 bit.tif", camera, **rgb, **twelve)
    tif("10 in 16 bit.tif", camera // 4, **rgb, note="10-bit data", tolerance=1)
    for order, mark in (("<", "II"), (">", "MM")):
        packed = packed_tiff(camera, order)
        c.ok(f"12 in 16 bit packed {mark}.tif", "16 bit", packed, **twelve)
    tif("16 bit grey MM.tif", deep[..., 0], byteorder=">", pixels=red, **full)
    tif("16 bit negative.tif", 65535 - deep[..., 0], photometric="miniswhite", pixels=red, **full)
    lzw = c.bytes("TIFF", Image.fromarray(camera[..., 0]), compression="tiff_lzw")
    c.ok("12 in 16 bit lzw.tif", "16 bit", lzw, pixels=red, **twelve)
    turned = np.ascontiguousarray(np.rot90(deep, 1))
    tif("16 bit turned.tif", turned, extratags=[(274, 3, 1, 6, True)], **rgb, note="turned")
    tif("32 bit.tif", deep[..., 0].astype(np.int32), "32 bit", pixels=red, **full)
    tif("32 bit large.tif", deep[..., 0].astype(np.int32) * 99, "32 bit", "0 to 65535")
    tif("signed.tif", deep[..., 0].astype(np.int32) - 9000, "32 bit", "0 to 65535")

    unit = (c.scene / 255).astype(np.float32)
    ones = {"note": "multiplied by 255"}
    tif("float.tif", unit[..., 0], "float", pixels=red, **ones)
    tif("float colour.tif", unit, "float", **rgb, **ones)
    tif("double.tif", unit[..., 0].astype(float), "float", pixels=red, **ones)
    tif("float 16.tif", unit.astype(np.float16), "float", **rgb, tolerance=1, **ones)
    tif("float 255.tif", c.scene.astype(np.float32), "float", **rgb, note="rounded")
    tif("float 4095.tif", camera.astype(np.float32), "float", "found .* to 353", **rgb)
    tif("float negative.tif", unit - 0.5, "float", "from 0 to 1", **rgb)
    holes = unit.copy()
    holes[3, 4:6, 0] = np.nan
    tif("nan.tif", holes, "float", "found 2 that are NaN", **rgb)
    holes[3, 4:6, 0] = np.inf
    tif("infinite.tif", holes[..., 0], "float", "NaN or infinite")


def _turned(c: _Corpus) -> None:
    """Orientation tags: as stored, each looks wrong; turned as the tag says, right."""
    stored = {
        1: c.scene,
        2: c.scene[:, ::-1],
        3: c.scene[::-1, ::-1],
        4: c.scene[::-1],
        5: c.scene.transpose(1, 0, 2),
        6: np.rot90(c.scene, 1),
        7: c.scene[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(c.scene, -1),
    }
    for tag, array in stored.items():
        exif, note = Image.Exif(), "turned" if tag > 1 else ""
        exif[274] = tag
        picture = Image.fromarray(np.ascontiguousarray(array))
        jpeg = c.bytes("JPEG", picture, quality=95, subsampling=0, exif=exif)
        c.ok(f"exif {tag}.jpg", "orientation", jpeg, tolerance=4, note=note)
        if tag == 6:
            c.ok("exif 6.png", "orientation", c.bytes("PNG", picture, exif=exif), note=note)
            webp = c.bytes("WEBP", picture, lossless=True, exif=exif)
            c.ok("exif 6.webp", "orientation", webp, note=note)
            c.ok("exif 6.tif", "orientation", c.bytes("TIFF", picture, exif=exif), note=note)
    torn = c.bytes("JPEG", quality=95, subsampling=0, exif=b"Exif\0\0II*\0\xff\xff\0\0junk")
    c.ok("exif torn.jpg", "orientation", torn, tolerance=4)


def _frames(c: _Corpus) -> None:
    """Animations and pages."""
    second = Image.fromarray(c.scene[::-1].copy())
    both = {"save_all": True, "append_images": [second]}
    settings = {"GIF": {}, "WEBP": {"lossless": True}, "PNG": {}, "TIFF": {}}
    for kind, more in settings.items():
        content, suffix = c.bytes(kind, **both, **more), kind.lower()
        asks = r"2 frames; choose one with frame=0 to frame=1"
        c.bad(f"animated.{suffix}", "frames", asks, content)
        c.ok(f"first of two.{suffix}", "frames", content, options={"frame": 0})
        mirrored = {"pixels": c.scene[::-1], "options": {"frame": 1}}
        c.ok(f"second of two.{suffix}", "frames", content, **mirrored)
        gone = r"frame=2 is out of range.*frame=0 to frame=1"
        c.bad(f"third of two.{suffix}", "frames", gone, content, options={"frame": 2})
    still = c.bytes("PNG")
    c.ok("frame 0 of a still.png", "frames", still, options={"frame": 0})
    c.bad("frame 1 of a still.png", "frames", "out of range", still, options={"frame": 1})
    c.bad("frame -1.png", "frames", "out of range", still, options={"frame": -1})
    # phones store a second, smaller picture in their JPEGs
    phone = c.bytes("MPO", quality=95, subsampling=0, **both)
    c.ok("phone.jpg", "frames", phone, tolerance=4)
    with tifffile.TiffWriter(c.ok("with preview.tif", "frames", note="Previews")) as writer:
        writer.write(c.scene, photometric="rgb")
        writer.write(c.scene[::4, ::4], photometric="rgb", subfiletype=1)


def _tiffs(c: _Corpus) -> None:
    """What only a TIFF can be, and the scale that it may state."""
    rgb = {"photometric": "rgb"}
    tifffile.imwrite(c.ok("tiles.tif", "TIFF"), c.scene, tile=(32, 32), **rgb)
    planes = np.ascontiguousarray(c.scene.transpose(2, 0, 1))
    tifffile.imwrite(c.ok("planes.tif", "TIFF"), planes, planarconfig="separate", **rgb)
    tifffile.imwrite(c.ok("big.tif", "BigTIFF"), c.scene, bigtiff=True, **rgb)
    tifffile.imwrite(c.ok("MM.tif", "TIFF"), c.scene, byteorder=">", **rgb)

    dots = {"resolution": (72, 72), "resolutionunit": "INCH"}
    tifffile.imwrite(c.ok("72 dpi.tif", "scale"), c.scene, **rgb, **dots)
    fine = {"resolution": (15384.6, 15384.6), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(c.ok("only cm.tif", "scale"), c.scene, **rgb, **fine)

    def imagej(name: str, scale: float | None, unit: str, **settings) -> None:
        more = {"um_per_px": scale, "note": "metadata"} if scale else {}
        path = c.ok(name, "scale", **more)
        tifffile.imwrite(path, c.scene, imagej=True, metadata={"unit": unit}, **settings)

    imagej("imagej micron.tif", 0.65, "micron", resolution=(1 / 0.65, 1 / 0.65))
    imagej("imagej µm.tif", 0.65, "\\u00B5m", resolution=(1 / 0.65, 1 / 0.65))
    imagej("imagej cm.tif", 0.65, "um", **fine)
    imagej("imagej pixel.tif", None, "pixel", resolution=(1, 1))
    imagej("imagej oblong.tif", None, "micron", resolution=(1 / 0.65, 1 / 0.9))
    imagej("imagej 72 dpi.tif", None, "micron", **dots)
    for name, unit, size in (("ome.tif", "µm", 0.65), ("ome nm.tif", "nm", 650)):
        metadata = {f"PhysicalSize{axis}": size for axis in "XY"}
        metadata |= {f"PhysicalSize{axis}Unit": unit for axis in "XY"} | {"axes": "YXS"}
        path = c.ok(name, "scale", um_per_px=0.65, note="metadata")
        tifffile.imwrite(path, c.scene, ome=True, metadata=metadata, **rgb)


def _damaged(c: _Corpus) -> None:
    """Cut off, overwritten, or only a header."""
    noise = np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)  # as incompressible as a real photo
    kinds = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF"}
    kinds |= {"jp2": "JPEG2000"} if features.check("jpg_2000") else {}
    kinds |= {"avif": "AVIF"} if features.check("avif") else {}
    broken, short = "is damaged", "is cut off"
    for suffix, kind in kinds.items():
        content = c.bytes(kind, picture)
        # the decoders of these three do not tell why they fail
        expect = broken if suffix in ("webp", "jp2", "avif") else short
        c.bad(f"half.{suffix}", "cut off", expect, content[: len(content) // 2])
    jpeg, png = c.bytes("JPEG", picture), c.bytes("PNG", picture)
    progressive = c.bytes("JPEG", picture, progressive=True)
    for percent in (1, 20, 90, 99):
        c.bad(f"cut at {percent}%.jpg", "cut off", short, jpeg[: len(jpeg) * percent // 100])
    c.bad("cut progressive.jpg", "cut off", short, progressive[: len(progressive) * 7 // 10])
    c.bad("zeros at the end.jpg", "cut off", short, jpeg[:3000].ljust(len(jpeg), b"\0"))
    c.bad("no end mark.png", "cut off", short, png[:-12])
    deep = png_bytes(noise.astype(np.uint16) * 257, 2, depth=16)
    c.bad("half 16 bit.png", "cut off", short, deep[: len(deep) // 2])
    for name, settings in (("half deflate.tif", {"compression": "zlib"}), ("half deep.tif", {})):
        path = c.bad(name, "cut off", short)
        tifffile.imwrite(path, noise.astype(np.uint16) * 257, photometric="rgb", **settings)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    at = png.index(b"IDAT") + 40

    def flipped(content: bytes, at: int) -> bytes:
        return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]

    c.bad("bad checksum.png", "corrupt", broken, flipped(png, len(png) - 13))
    c.bad("bad pixels.png", "corrupt", broken, flipped(png, at))
    c.bad("bad header.png", "corrupt", broken, flipped(png, 18))
    c.bad("only a signature.png", "corrupt", broken, png[:8])
    c.bad("only a signature.jpg", "corrupt", broken, jpeg[:4])
    c.bad("only a signature.tif", "corrupt", broken, b"II*\0\x08\0\0\0")
    tiff = c.bytes("TIFF", picture, compression="tiff_lzw")
    c.bad("no directory.tif", "corrupt", broken, tiff[:8] + bytes(len(tiff) - 8))
    c.bad("noise.jpg", "corrupt", "no picture format", bytes([0, 1, 2]) + noise.tobytes())
    c.bad("zeros.jpg", "corrupt", "no picture format", bytes(5000))
    c.bad("empty.jpg", "empty", r"0 bytes", b"")


def _foreign(c: _Corpus) -> None:
    """Not photos, whatever their names say."""
    export = "; export the picture as PNG, TIFF or JPEG"
    page = b"\n<!DOCTYPE html>\n<html><body>404 Not Found</body></html>"
    svg = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>'
    c.bad(
        "letter.jpg", "text", "text file.*" + export, b"Dear colleague,\nthe photo is attached.\n"
    )
    c.bad("письмо.jpg", "text", "text file", "Фото во вложении.\n".encode("cp1251"))
    c.bad("table.png", "text", "text file", b"row,mineral\n1,pyrite\n")
    c.bad("page.jpg", "HTML", "web page", page)
    c.bad("report.pdf", "PDF", "PDF document.*" + export, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    c.bad("drawing.svg", "SVG", "SVG drawing", svg)
    c.bad("drawing.eps", "PostScript", "PostScript", b"%!PS-Adobe-3.0 EPSF-3.0\n")
    c.bad("phone.heic", "HEIC", "HEIC photo.*" + export, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    c.bad("clip.mp4", "video", "a video", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2")
    c.bad("camera.cr3", "RAW", "RAW file.*" + export, b"\0\0\0\x18ftypcrx \0\0\0\1crx isom")
    c.bad("camera.raf", "RAW", "RAW file", b"FUJIFILMCCD-RAW 0201FF" + bytes(99))
    # TIFFs inside, with a preview that would pass for the photo
    c.bad("camera.nef", "RAW", "RAW file", c.bytes("TIFF"))
    version = [(50706, 1, 4, (1, 4, 0, 0), True)]
    path = c.bad("renamed dng.tif", "RAW", "RAW file")
    tifffile.imwrite(path, c.scene, photometric="rgb", extratags=version)
    c.bad("layers.psd", "PSD", "Photoshop", b"8BPS\0\1" + bytes(99))
    c.bad("report.docx", "ZIP", "office document", b"PK\3\4\x14\0\6\0" + bytes(99))
    c.bad("scan.czi", "CZI", "Zeiss", b"ZISRAWFILE" + bytes(99))


def _odd(c: _Corpus) -> None:
    """Sizes, and things that are not files."""

    def flat(width: int, height: int) -> bytes:
        return c.bytes("PNG", Image.new("RGB", (width, height), (90, 90, 90)))

    def grey(height: int, width: int) -> np.ndarray:
        return np.full((height, width, 3), 90, np.uint8)

    c.bad("1x1.png", "size", "1 x 1 px is too small", flat(1, 1))
    c.bad("15 rows.png", "size", "40 x 15 px is too small", flat(40, 15))
    c.ok("16 rows.png", "size", flat(40, 16), pixels=grey(16, 40))
    c.bad(
        "ribbon.png", "size", r"30 x 5000 px is longer than 64:1.*at most 1920 px", flat(30, 5000)
    )
    c.ok("64 to 1.png", "size", flat(1024, 16), pixels=grey(16, 1024))

    large = "max_pixels"
    head = _ihdr(50_000, 50_000) + _chunk(b"IDAT", zlib.compress(b"\0")) + _chunk(b"IEND", b"")
    c.bad("bomb.png", "bomb", "50000 x 50000 px.*" + large, b"\x89PNG\r\n\x1a\n" + head)
    jpeg = bytearray(c.bytes("JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    c.bad("bomb.jpg", "bomb", large, bytes(jpeg))
    gif = bytearray(c.bytes("GIF"))
    gif[6:10] = struct.pack("<HH", 65_000, 65_000)
    c.bad("bomb.gif", "bomb", large, bytes(gif))
    bmp = bytearray(c.bytes("BMP"))
    bmp[18:26] = struct.pack("<ii", 60_000, 60_000)
    c.bad("bomb.bmp", "bomb", large, bytes(bmp))
    path = c.bad("bomb.tif", "bomb", large)
    tifffile.imwrite(path, c.scene, photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for tag in ("ImageWidth", "ImageLength"):
            tiff.pages.first.tags[tag].overwrite(60_000)
    limit = {"options": {"max_pixels": 5000}}
    c.bad("over the limit.png", "bomb", "96 x 64 px.*max_pixels=5000", c.bytes("PNG"), **limit)
    c.bad("over the limit.tif", "bomb", "96 x 64 px.*max_pixels=5000", c.bytes("TIFF"), **limit)

    c.bad("folder.jpg", "not a file", "this is a folder").mkdir(exist_ok=True)
    c.bad("missing.jpg", "not a file", "no such file")
    c.bad("n" * 300 + ".jpg", "not a file", "cannot be opened|no such file")
    if sys.platform != "win32":  # making links, or files without permissions, needs more there
        link = c.bad("broken link.jpg", "not a file", "a link to .*gone.jpg, which does not exist")
        link.unlink(missing_ok=True)
        link.symlink_to(c.folder / "gone.jpg")
        link = c.ok("good link.png", "name")
        link.unlink(missing_ok=True)
        link.symlink_to(c.folder / "plain.png")
        if os.geteuid():  # the superuser may read everything
            locked = c.bad("locked.png", "not a file", "no permission")
            locked.unlink(missing_ok=True)
            locked.write_bytes(c.bytes("PNG"))
            locked.chmod(0)
