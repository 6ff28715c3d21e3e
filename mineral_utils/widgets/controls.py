"""The controls of the page, made and laid out; what they do is in `workbench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets

from ..editing import LUMENSTONE, MODES, completions
from ..export import FORMATS

_WORDS = {"new": "○", "begun": "◐", "done": "●", "damaged": "✗"}  # with the word itself, not alone
WIDE = {"description_width": "8em"}
FORMAT_WORDS = {"map": "figure", "png": "labels", "csv": "tables", "geojson": "outlines, QuPath"}


class Controls:
    """All buttons, sliders and fields, under names that say what they are."""

    def __init__(self) -> None:
        self.photo = widgets.Dropdown(description="Photo", options=[], style=WIDE)
        self.previous = _button("◀ Previous", "the photo before this one")
        self.next = _button("Next ▶", "the photo after this one")
        self.upload = widgets.FileUpload(accept="image/*", multiple=False, description="Upload")
        self.progress = widgets.Label()
        self.who = widgets.Text(
            description="Your name", placeholder="stands with every correction", style=WIDE
        )
        self.new_name = widgets.Combobox(
            description="Add a name",
            placeholder="pyrite, пирит or Py, then Enter",
            options=completions(),
            ensure_option=False,
            continuous_update=False,
            style=WIDE,
        )
        self.names = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        self.offers = widgets.HBox(layout=widgets.Layout(flex_flow="row wrap"))
        self.shown = widgets.Dropdown(description="Show", options=[], style=WIDE)
        self.opacity = _slider("Opacity", 0.45, 1.0, 0.05, ".2f")
        self.confidence = _slider("Confidence ≥", 0.0, 1.0, 0.01, ".2f")
        self.smallest_region = _slider("Regions ≥, px", 0.0, 2000.0, 10.0, ".0f")
        self.sharpen = _button("Sharpen borders", "by SAM's decoder; takes seconds")
        self.mode = widgets.ToggleButtons(
            options=list(MODES), tooltips=list(MODES.values()), style={"button_width": "auto"}
        )
        self.help = widgets.Label(MODES["scores"])
        self.targets = widgets.Dropdown(description="Selection is", options=[], style=WIDE)
        self.assign = _button("Assign", "give the selected pixels to this mineral")
        self.undo, self.redo = _button("↶ Undo", "Z"), _button("↷ Redo", "Y")
        self.closer = _button("Look closer", "SAM looks at the surroundings alone; takes a second")
        self.drop = _button("Select nothing", "Escape")
        self.length = widgets.FloatText(description="Length, µm", value=100.0, style=WIDE)
        self.measure = _button("Set scale", "from the line and its length")
        self.scale = widgets.HBox([self.length, self.measure])
        self.scale.layout.display = "none"
        self.formats = widgets.SelectMultiple(
            description="Save as",
            options=[(FORMAT_WORDS.get(name, name), name) for name in [*FORMATS, LUMENSTONE]],
            value=("png",),
            rows=4,
            style=WIDE,
        )
        self.save = _button("Save", "the map as it is now")
        self.save_done = _button("Save, done", "save, and mark the photo as done")
        self.status, self.scores, self.legend = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.doubts = widgets.HTML()
        self.faults = widgets.Output()

    def page(self, picture: widgets.DOMWidget) -> widgets.VBox:
        """Everything in its place: the photos above, the picture left, what is asked right."""
        row = widgets.HBox
        wrap = widgets.Layout(flex_flow="row wrap")
        photos = row(
            [self.photo, self.previous, self.next, self.upload, self.progress], layout=wrap
        )
        steps = [self.closer, self.undo, self.redo, self.drop]
        hand = row([self.targets, self.assign, *steps], layout=wrap)
        left = widgets.VBox(
            [self.mode, self.help, self.scale, picture, hand, self.status, self.faults],
            layout=widgets.Layout(flex="3 1 440px", min_width="300px"),
        )
        looks = [self.shown, self.opacity, self.confidence, self.smallest_region, self.sharpen]
        told = [self.legend, self.doubts, self.scores]
        keep = [self.formats, row([self.save, self.save_done])]
        right = widgets.VBox(
            [self.new_name, self.offers, self.names, *looks, *told, *keep],
            layout=widgets.Layout(flex="2 1 400px", min_width="300px"),
        )
        page = widgets.VBox([photos, self.who, row([left, right], layout=wrap)])
        page.add_class("mineral-workbench")
        return page

    # ---- what changes with the desk --------------------------------------------------------------
    def set_photos(self, states: Mapping[str, str], title: str | None) -> None:
        """The list of photos and how far each is."""
        options = [(f"{_WORDS[state]} {name} ({state})", name) for name, state in states.items()]
        if tuple(options) != tuple(self.photo.options):
            self.photo.options = options
        if title is not None:
            self.photo.value = title

    def set_names(self, names: Sequence[str], remove: Callable[[str], None]) -> None:
        """A button for each name that is asked, which takes it away."""
        if [button.description for button in self.names.children] == [f"{n} ✕" for n in names]:
            return
        buttons = []
        for name in names:
            button = _button(f"{name} ✕", f"ask no longer for {name}")
            button.on_click(lambda _, name=name: remove(name))
            buttons.append(button)
        self.names.children = buttons

    def set_offers(self, offers: Sequence[tuple[str, Callable[[], None]]]) -> None:
        """Buttons for what may be meant."""
        buttons = []
        for text, react in offers:
            button = _button(text, "take this instead")
            button.on_click(lambda _, react=react: react())
            buttons.append(button)
        self.offers.children = buttons

    def set_maps(self, maps: Sequence[str], value: str) -> None:
        """What can be shown: the map, or how like a name each place is."""
        options = [(maps[0], maps[0]), *((f"similarity to {name}", name) for name in maps[1:])]
        if tuple(options) != tuple(self.shown.options):
            self.shown.options = options
        self.shown.value = value

    def set_targets(self, names: Sequence[str]) -> None:
        """What a selection can be given to; the choice stays where it can."""
        if tuple(names) != tuple(self.targets.options):
            chosen = self.targets.value
            self.targets.options = names
            self.targets.value = chosen if chosen in names else names[0]

    def set_mode(self, mode: str) -> None:
        """What a click means, in words; the length of the scale line where it is wanted."""
        self.help.value = MODES[mode]
        self.scale.layout.display = None if mode == "scale" else "none"


def _button(text: str, tooltip: str) -> widgets.Button:
    return widgets.Button(description=text, tooltip=tooltip, layout=widgets.Layout(width="auto"))


def _slider(text: str, value: float, end: float, step: float, form: str) -> widgets.FloatSlider:
    return widgets.FloatSlider(
        description=text, value=value, min=0.0, max=end, step=step, readout_format=form, style=WIDE
    )
