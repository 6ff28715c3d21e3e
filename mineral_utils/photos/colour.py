"""Pixels of any depth and colour mode, brought to upright RGB uint8 in sRGB.

The second half of loading: the file formats give a PIL image or an array of samples, this module
makes of it what the models see, and notes what it changed.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image, ImageCms, ImageOps

from .checks import PhotoError

GREY_NOTE = (
    "The photo is grey, so R, G and B are equal; colour is most of what CLIP sees, so expect"
    " weaker results."
)
TURNED_NOTE = "The photo was turned upright as its orientation tag says."

_ICC_SPACES = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}


def to_rgb(picture: Image.Image, notes: list[str]) -> np.ndarray:
    """Bring a picture of 8 bits a sample upright, to sRGB, and on black where transparent.

    Returns uint8 [H, W, 3]; appends a sentence to ``notes`` for every change.
    """
    picture = _upright(picture, notes)
    mode, alpha = picture.mode, None
    if mode in ("P", "PA"):
        notes.append("Its colours come from a palette of at most 256.")
    if mode in ("1", "L", "LA", "La"):
        notes.append(GREY_NOTE)
    if mode in ("La", "RGBa"):  # premultiplied
        picture = picture.convert(mode.upper())
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        picture.info.pop("transparency", None)
    if picture.mode not in ("L", "CMYK"):
        picture = picture.convert("RGB")
    icc = picture.info.get("icc_profile")
    converted = _to_srgb(picture, icc, notes) if icc else None
    if converted is None and picture.mode == "CMYK":
        notes.append("CMYK without a usable colour profile: the colours are only approximate.")
    picture = converted or picture.convert("RGB")
    if alpha is not None:
        share = float((np.asarray(alpha) < 255).mean())
        notes.append(
            f"Transparent pixels ({share:.2%} of all) were put on black."
            if share
            else "An alpha channel without transparent pixels was left out."
        )
        black = Image.new("RGB", picture.size)
        black.paste(picture, mask=alpha)
        picture = black
    return np.asarray(picture)


def to_shallow(picture: Image.Image, name: str, notes: list[str]) -> Image.Image:
    """Return the same picture with 8 bits a sample; grey ones of Pillow may have 16 or 32."""
    if picture.mode[0] not in "IF":
        return picture
    shallow = from_samples(np.asarray(picture), name, notes)
    shallow.info |= {k: v for k, v in picture.info.items() if k != "transparency"}
    return shallow


def from_samples(samples: np.ndarray, name: str, notes: list[str]) -> Image.Image:
    """Return samples [H, W] or [H, W, 1 to 4] of any depth as a PIL image of 8 bits.

    Two and four channels end in alpha. PhotoError where the range of values is unclear.
    """
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        colour = _to_eight_bits(samples[..., :-1], name, notes)
        alpha = samples[..., -1:]
        whole = 1.0 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
        alpha = np.rint(np.clip(alpha / whole, 0, 1) * 255).astype(np.uint8)
        return Image.fromarray(np.concatenate([colour, alpha], axis=2))
    eight = _to_eight_bits(samples, name, notes)
    return Image.fromarray(eight[..., 0] if eight.shape[2:] == (1,) else eight)


def _to_eight_bits(samples: np.ndarray, name: str, notes: list[str]) -> np.ndarray:
    if samples.dtype.kind == "f":
        wanted = "expected floating-point values from 0 to 1 or from 0 to 255"
        bad = samples.size - int(np.isfinite(samples).sum())
        if bad:
            raise PhotoError(
                f"{name}: {wanted}, found {bad} that are NaN or infinite; fill them and save again."
            )
        low, high = float(samples.min()), float(samples.max())
        if low < 0 or high > 255:
            raise PhotoError(f"{name}: {wanted}, found {low:g} to {high:g}; rescale it and save.")
        notes.append(
            "Floating-point values from 0 to 1 were multiplied by 255."
            if high <= 1
            else "Floating-point values from 0 to 255 were rounded."
        )
        return np.rint(samples * (255 if high <= 1 else 1)).astype(np.uint8)
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or high > 65535:
        raise PhotoError(
            f"{name}: expected whole numbers from 0 to 65535, found {low} to {high}; save it with"
            " 8 or 16 bits."
        )
    bits, table = eight_bits(high)
    notes.append(
        "16-bit values were divided by 257."
        if bits == 16
        else f"The highest 16-bit value, {high}, is under a quarter of the range, so the photo was"
        f" taken for {bits}-bit data: {2**bits - 1} became 255."
    )
    return table[samples]


def eight_bits(high: int) -> tuple[int, np.ndarray]:
    """For whole numbers up to `high`, at most 65535: how many bits their range has (10, 12, 14 or
    16), and the table, uint8 [2 ** bits], that brings them to 8."""
    bits = next((b for b in (10, 12, 14) if high < 2**b), 16)
    return bits, np.rint(np.arange(2**bits) * (255 / (2**bits - 1))).astype(np.uint8)


def _upright(picture: Image.Image, notes: list[str]) -> Image.Image:
    try:
        if picture.getexif().get(274) not in range(2, 9):  # 1 is upright, others mean nothing
            return picture
        turned = ImageOps.exif_transpose(picture)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        notes.append("The EXIF block is damaged, so the photo stays as it is stored.")
        return picture
    notes.append(TURNED_NOTE)
    return turned


def _to_srgb(picture: Image.Image, icc: bytes, notes: list[str]) -> Image.Image | None:
    """Through the embedded profile to sRGB; None where that is sRGB already or cannot be used."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        title = " ".join(ImageCms.getProfileDescription(profile).split())
        if "srgb" in title.lower():
            return None
        if _ICC_SPACES.get(profile.profile.xcolor_space) != picture.mode:
            notes.append(f"The colour profile {title!r} does not fit the photo and was left out.")
            return None
        srgb = ImageCms.createProfile("sRGB")
        result = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append("The colour profile is damaged and was left out.")
        return None
    notes.append(f"Colours were converted from the embedded profile {title!r} to sRGB.")
    return result


def negative(picture: Image.Image) -> Image.Image:
    """Return the negative of a picture of 8 bits, for TIFFs in which 0 is white."""
    negative = ImageOps.invert(picture)
    negative.info |= picture.info
    return negative
