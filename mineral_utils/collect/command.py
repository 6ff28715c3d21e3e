"""``python -m mineral_utils collect …``: photos with their texts and rights into a ledger."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..photos.ledger import LedgerError
from . import wording
from .page import PageError, read_page
from .runner import collect, with_minerals
from .selectors import SITE
from .source import CollectError, Source, Stopped

ABOUT = """\
Bring photos, what is written about them, and whose they are, into a ledger: a folder with images/
and metadata.jsonl, one line a photo. A run may be ended at any moment (Ctrl+C, power cut) and
started again with the same words; it goes on where it was."""
LIVE = """\
Read the pages of single photos from the site, for which somebody gave you permission. Mindat's
terms of use prohibit automatic downloaders: without a permission in writing, save pages by hand
and use `collect pages`. One request at a time, some seconds apart, only what robots.txt allows;
it ends at once where the site says no."""
KINDS: dict[str, Callable[[str | None], bool]] = {
    "polished": lambda kind: kind is None or wording.is_polished(kind),
    "thin": wording.is_thin,
    "all": lambda kind: True,
}


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add ``collect`` and its own commands to the command line."""
    parser = commands.add_parser(
        "collect", help="bring photos with texts and rights into a ledger", description=ABOUT
    )
    ways = parser.add_subparsers(required=True, metavar="WAY")

    one = ways.add_parser("parse", help="show what one saved photo page says, as JSON")
    one.add_argument("page", type=Path, metavar="PAGE.html", help="a photo page, saved")
    one.add_argument("--url", help="where it came from, if the file's name does not tell")
    one.set_defaults(run=_parse)

    pages = _way(ways, "pages", "photo pages that you saved in a browser", _pages)
    pages.add_argument("folder", type=Path, help="folder with the pages and their pictures")
    pages.add_argument("--permission", help="whose permission you have, and where it is kept")
    _kinds(pages)

    live = _way(ways, "live", "single photo pages from the site, with permission", _live, LIVE)
    live.add_argument("ids", type=Path, help="text file with one photo id or address a line")
    live.add_argument(
        "--permission",
        required=True,
        help='who gave it, when, where it is kept: "A. Example, letter of 2026-03-01, in rights/"',
    )
    live.add_argument("--contact", default="", help="your e-mail address, told to the site")
    live.add_argument("--site", default=SITE, help=f"address of the site (default {SITE})")
    live.add_argument(
        "--spacing", type=float, default=6.0, help="least seconds between requests (default 6)"
    )
    live.add_argument(
        "--jitter", type=float, default=0.3, help="share of the spacing added at random (0.3)"
    )
    _kinds(live)

    folder = _way(ways, "folder", "your own photos with a table (CSV)", _folder)
    folder.add_argument("folder", type=Path, help="folder with the photos")
    folder.add_argument(
        "--csv",
        type=Path,
        help="the table (default: photos.csv in the folder); columns are named as in the ledger, "
        "file_name first, several minerals with ; between",
    )
    folder.add_argument("--source", default="", help="name of your collection")

    drawn = _way(ways, "sections", "digital polished sections with captions, to learn on", _drawn)
    drawn.add_argument("count", type=int, help="how many")
    drawn.add_argument("--first", type=int, default=0, help="number of the first field")

    api = ways.add_parser(
        "api",
        help="names from Mindat's API (it has no photos)",
        description="Species, synonyms, varieties or groups, one JSON line an entry. The key is "
        "read from the environment variable MINDAT_API_KEY and written nowhere.",
    )
    api.add_argument("kind", choices=("species", "synonyms", "varieties", "groups"))
    api.add_argument("--names", default="", help="only these, with commas between")
    api.add_argument("--contact", default="", help="your e-mail address, told to the site")
    api.add_argument("--out", required=True, type=Path, help="file for the lines (.jsonl)")
    api.add_argument("--site", default=None, help=argparse.SUPPRESS)
    api.add_argument("--spacing", type=float, default=2.0, help="least seconds between requests")
    api.set_defaults(run=_guarded(_api))


def _way(ways, name: str, words: str, run: Callable, about: str | None = None):
    parser = ways.add_parser(name, help=words, description=about or words)
    parser.add_argument("--out", required=True, type=Path, metavar="LEDGER", help="the ledger")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.set_defaults(run=_guarded(lambda options: _collect(run(options), options)))
    return parser


def _kinds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kinds",
        choices=tuple(KINDS),
        default="polished",
        help="which photos to take by their type: polished sections (default; those whose page "
        "tells no type too), thin sections, or all",
    )


def _guarded(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Wrong use in one sentence and 2; a ledger that cannot be written in one sentence and 1."""

    def guarded(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except CollectError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except (LedgerError, Stopped) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("ended; start again with the same words to go on", file=sys.stderr)
            return 130

    return guarded


def _parse(options: argparse.Namespace) -> int:
    try:
        page = read_page(options.page, url=options.url)
    except PageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = json.dumps(with_minerals(page.row).to_dict(), ensure_ascii=False, indent=2)
    sys.stdout.buffer.write(text.encode("utf-8") + b"\n")  # whatever the terminal speaks
    sys.stdout.buffer.flush()
    return 0


def _pages(options: argparse.Namespace) -> Source:
    from .saved import SavedPages

    return SavedPages(options.folder, options.permission, KINDS[options.kinds])


def _live(options: argparse.Namespace) -> Source:
    from .live import LivePages, check_permission, read_ids
    from .transport import Site

    check_permission(options.permission)
    ids = read_ids(options.ids)
    site = Site(
        options.site,
        options.out / ".collect" / "pages.sqlite",
        contact=options.contact,
        spacing_s=options.spacing,
        jitter=options.jitter,
    )
    return LivePages(ids, options.permission, site, KINDS[options.kinds])


def _folder(options: argparse.Namespace) -> Source:
    from .table import PhotoTable

    return PhotoTable(options.folder, options.csv, options.source)


def _drawn(options: argparse.Namespace) -> Source:
    from .drawn import DrawnSections

    return DrawnSections(options.count, options.first)


def _collect(source: Source, options: argparse.Namespace) -> int:
    done = collect(source, options.out, progress=not options.quiet)
    for label, reason in done.left_out.items():
        print(f"{label}: {reason}", file=sys.stderr)
    print(done)
    if done.stopped:
        print(f"stopped: {done.stopped}", file=sys.stderr)
    return 0 if done.complete else 1


def _api(options: argparse.Namespace) -> int:
    from .api import API, MindatApi

    api = MindatApi(options.site or API, contact=options.contact, spacing_s=options.spacing)
    try:
        lines = [
            json.dumps(entry, ensure_ascii=False) + "\n"
            for entry in api.entries(options.kind, options.names.split(","))
        ]
    finally:
        api.close()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    aside = options.out.with_name(f".{options.out.name}.part")
    try:
        aside.write_text("".join(lines), encoding="utf-8")
        os.replace(aside, options.out)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CollectError(
            f"{options.out.name} could not be written ({error.strerror or error}); "
            "choose another place"
        ) from error
    print(f"{len(lines)} {options.kind} in {options.out}")
    return 0
