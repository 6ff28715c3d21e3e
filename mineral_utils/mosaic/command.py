"""``python -m mineral_utils mosaic FILE --minerals a,b --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    parser.add_argument("photo", metavar="FILE", type=Path)
    parser.add_argument(
        "--minerals", required=True, help='names with commas between; "a, b" in quotes is one name'
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder of this photo; a killed run goes on there"
    )
    parser.add_argument("--stem", default="labels", help="of the answer's files (labels)")
    parser.add_argument("--open", action="store_true", help="take unknown names as free text")
    parser.add_argument(
        "--scale",
        type=float,
        help="working pixels a pixel of the photo, up to 1; by default one view of SAM covers 3584 "
        "pixels of the photo",
    )
    parser.add_argument("--tile", type=int, default=512, help="pixels read and written at a time")
    parser.add_argument("--profile", default="demo", help="demo, paper, or a .yaml file")
    parser.add_argument("--adapter", help="a tuned CLIP: a file, or miniature:ore")
    parser.add_argument("--preset", help="w224, bench336 or script336; the profile's by default")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 …")
    parser.add_argument("--um-per-px", type=float, help="scale of the photo in micrometres")
    parser.add_argument("--frame", type=int, help="which page of a TIFF of several, from 0")
    parser.add_argument("--max-pixels", type=int, help="largest photo to open (400 megapixels)")
    parser.add_argument("--credit", help="whose photo this is, for the overview")
    parser.add_argument(
        "--same-photo", action="store_true", help="the file is another copy of the same photo"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run it: 0 when all went well, 1 where the photo or a part of it cannot be read, 2 for wrong
    use, 130 when ended."""
    from ..minerals import split_names, vocabulary
    from ..photos import PhotoError
    from ..segmenter import load_model
    from . import MosaicError, encode_mosaic

    try:
        names = split_names(options.minerals)
        vocabulary().queries(names, open_vocabulary=options.open)  # before the models are loaded
        model = load_model(
            options.profile,
            device=options.device,
            preset=options.preset,
            adapter=options.adapter,
        )
        if model.banner:
            print(model.banner, file=sys.stderr)
        mosaic = encode_mosaic(
            model,
            options.photo,
            options.out,
            scale=options.scale,
            tile=options.tile,
            um_per_px=options.um_per_px,
            frame=options.frame,
            max_pixels=options.max_pixels,
            same_photo=options.same_photo,
        )
        answer = mosaic.segment(
            names,
            stem=options.stem,
            open_vocabulary=options.open,
            tile=options.tile,
            credit=options.credit,
        )
    except KeyboardInterrupt:
        print("ended; start again with the same words to go on", file=sys.stderr)
        return 130
    except (PhotoError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (MosaicError, ValueError, RuntimeError) as error:
        said = str(error).replace("same_photo", "--same-photo").replace("another stem", "a --stem")
        print(f"error: {said}", file=sys.stderr)
        return 2
    _tell(mosaic, answer)
    return 1 if mosaic.damaged else 0


def _tell(mosaic, answer) -> None:
    height, width = mosaic.lattice.photo
    scale = mosaic.lattice.scale[1]
    print(f"{width} x {height} px, looked at with {scale:.3g} working pixels a pixel")
    for row in answer.table:
        area = f"{row['area_mm2']:12.4g} mm²" if "area_mm2" in row else ""
        print(f"{row['name']:<24}{row['share']:8.2%}{area}")
    print(answer.path, answer.path.with_suffix(".json"), sep="\n")
    for note in mosaic.notes:
        print(f"{mosaic.path.name}: {note}", file=sys.stderr)
    if mosaic.damaged:
        print(f"{len(mosaic.damaged)} places cannot be read and are unknown:", file=sys.stderr)
    for damage in mosaic.damaged[:20]:
        print(f"  {damage}", file=sys.stderr)
    if len(mosaic.damaged) > 20:
        print(f"  and {len(mosaic.damaged) - 20} more, see the JSON file", file=sys.stderr)
