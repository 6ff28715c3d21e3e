"""Photos to be corrected one after the other: what is next, what is begun, what is done.

What is known of a photo stands in its journal, so a series can be left and taken up at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..photos import Photo, PhotoError, load_photo
from ..photos.checks import shown
from ..run import replacing
from ..segmenter import Segmenter
from .draft import Draft
from .journal import SUFFIX, read_events
from .owner import safe_stem
from .points import EditError
from .truth import is_done

UPLOADS = "uploads"


class Series:
    """A list of photos and the model that looks at them.

    Parameters
    ----------
    model : encodes a photo when its turn comes
    photos : paths, or a mapping of a name to a path or a `Photo` (a digital section, say)
    folder : of journals and maps, and of photos that were uploaded (in ``uploads``)
    names : minerals to ask for in photos that have no journal yet
    who : who corrects
    free_text : take words that the vocabulary lacks as they are

    Attributes
    ----------
    titles : names of the photos, in their order
    """

    def __init__(
        self,
        model: Segmenter,
        photos: Mapping[str, str | Path | Photo] | Sequence[str | Path],
        folder: str | Path,
        names: Sequence[str],
        *,
        who: str = "",
        free_text: bool = False,
    ):
        self.model, self.folder, self.names = model, Path(folder), tuple(names)
        self.who, self.free_text = who, free_text
        self._photos: dict[str, str | Path | Photo] = {}
        if not isinstance(photos, Mapping):
            photos = _titled(photos)
        for title, photo in photos.items():
            self._photos[safe_stem(title)] = photo
        if len(self._photos) < len(photos):
            raise EditError("two photos have the same name; give each its own")
        self._states: dict[str, tuple[tuple[int, int], str]] = {}
        sent = self.folder / UPLOADS
        kept = sorted(sent.iterdir()) if sent.is_dir() else ()
        for path in (path for path in kept if not path.name.startswith(".")):
            self._photos.setdefault(path.stem, path)  # photos that were uploaded before

    @property
    def titles(self) -> tuple[str, ...]:
        """Names of the photos, in their order."""
        return tuple(self._photos)

    def __len__(self) -> int:
        return len(self._photos)

    def open(self, title: str, *, progress: bool = False) -> Draft:
        """Encode a photo and take up its corrections.

        Raises
        ------
        mineral_utils.photos.PhotoError
            The photo cannot be read.
        EditError
            There is no such photo, or its journal cannot be used.
        """
        if title not in self._photos:
            raise EditError(f"{title!r} is not in this series of {len(self)} photos")
        photo = self._photos[title]
        if not isinstance(photo, Photo):
            photo = load_photo(photo)
        scene = self.model.encode(photo, progress=progress)
        kept = (self.folder / f"{title}{SUFFIX}").is_file()
        return Draft(
            scene,
            None if kept else self.names,
            folder=self.folder,
            stem=title,
            who=self.who,
            free_text=self.free_text,
        )

    def status(self, title: str) -> str:
        """``"new"``, ``"begun"``, ``"done"``, or ``"damaged"`` where the journal cannot be read."""
        path = self.folder / f"{title}{SUFFIX}"
        try:
            facts = path.stat()
        except OSError:
            return "new"
        as_it_is = facts.st_size, facts.st_mtime_ns
        if self._states.get(title, (None,))[0] != as_it_is:  # asked at every step of a hand
            self._states[title] = as_it_is, _status(path)
        return self._states[title][1]

    def progress(self) -> dict[str, str]:
        """Title to `status`, in the order of the photos."""
        return {title: self.status(title) for title in self._photos}

    def beside(self, title: str, by: int) -> str | None:
        """The photo `by` places after (or before) one, None beyond the ends."""
        titles = self.titles
        there = titles.index(title) + by if title in titles else 0
        return titles[there] if 0 <= there < len(titles) else None

    def next_open(self, title: str | None = None) -> str | None:
        """The first photo after one (or of all) that is not done, None where all are."""
        titles = self.titles
        start = titles.index(title) + 1 if title in titles else 0
        around = (*titles[start:], *titles[:start])
        return next((each for each in around if self.status(each) != "done"), None)

    def add_upload(self, name: str, content: bytes) -> str:
        """Keep a photo that was sent from a browser, and put it at the end of the series.

        Parameters
        ----------
        name : of the file, as the browser says
        content : its bytes

        Returns
        -------
        str : its title

        Raises
        ------
        mineral_utils.photos.PhotoError
            It is no picture; nothing is kept.
        """
        file = Path(name.replace("\\", "/")).name
        title = _unlike(safe_stem(Path(file).stem), self._photos)
        path = self.folder / UPLOADS / f"{title}{Path(file).suffix.lower()}"
        try:
            with replacing(path) as aside:
                aside.write_bytes(content)
        except OSError as error:
            raise PhotoError(
                f"{file}: could not be kept in {self.folder.name}/{UPLOADS} "
                f"({error.strerror or error}); choose a folder that you may write to"
            ) from error
        try:
            load_photo(path)
        except PhotoError as error:
            path.unlink()
            raise PhotoError(str(error).replace(shown(path), file)) from error
        self._photos[title] = path
        return title


def _status(path: Path) -> str:
    try:
        events = list(read_events(path))
    except (EditError, OSError):
        return "damaged"
    if is_done(events):
        return "done"
    return "begun" if any(event["event"] == "edit" for event in events) else "new"


def _titled(paths: Sequence[str | Path]) -> dict[str, str | Path]:
    """File names without suffix; photos of one name in two folders get a number."""
    titled: dict[str, str | Path] = {}
    for path in paths:
        titled[_unlike(safe_stem(Path(path).stem), titled)] = path
    return titled


def _unlike(title: str, taken: Mapping[str, object]) -> str:
    """The title, with a number if it is taken."""
    number = 2
    free = title
    while free in taken:
        free, number = f"{title}_{number}", number + 1
    return free
