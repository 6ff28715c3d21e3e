"""Pages in the shapes that a photo site's had, written for `ImitatedSite`; nothing is real."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ..photos.ledger import Row

CHALLENGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    '<body><div class="cf-challenge">Checking your browser</div></body></html>'
)
_MENU = (
    '<nav class="topmenu"><a href="/min-999777.html">Chalcopyrite</a> '
    '<a href="/gm/999777">Bornite photos</a></nav>'
)
_FOOTER = (
    '<div id="footer">An imitation: nothing here is from mindat.org. '
    'Mineral of the day: <a href="min-999888.html">Gold</a></div>'
)


def photo_page(row: Row, picture: str, same_field: Iterable[str | None] = ()) -> str:
    """A photo's page as HTML; every text of the row is escaped.

    Parameters
    ----------
    row : Row
    picture : str
        Path of the picture on the site.
    same_field : iterable of str
        Numbers of photos that show the same field; the text links to them.
    """
    text = {name: html.escape(str(value or "")) for name, value in row.to_dict().items()}
    minerals = [html.escape(name) for name in row.title_minerals]
    links = [f'<a href="min-{k}.html">{name}</a>' for k, name in enumerate(minerals, 999001)]
    said = text["caption"].splitlines()
    said += [f'The same field: <a href="photo-{other}.html">{other}</a>' for other in same_field]
    facts = {"Photo ID": "photo_id", "Type": "photo_type", "Copyright": "licence"}
    table = "".join(
        f"<tr><th>{label}</th><td>{text[name]}</td></tr>" for label, name in facts.items()
    )
    return f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Photo {text["photo_id"]}</title>
<meta property="og:title" content="{", ".join(minerals)}"/>
<meta property="og:image" content="{text["image_url"]}"/>
<link rel="canonical" href="{text["page_url"]}"/></head>
<body>{_MENU}
<div id="titlebar"><h2>{", ".join(links)}
 <div><a href="loc-999001.html">{text["locality"]}</a></div></h2></div>
<div class="minid_photo_page">minID: <a href="/{text["specimen"]}">{text["specimen"]}</a></div>
<img id="mainphoto" src="{picture}" alt="photo {text["photo_id"]}"/>
<div class="photodesc">{"<br>".join(said)}</div>
<table>{table}</table>
<div class="photocomments"><p>Nice! Have you seen the
<a href="min-999666.html">Cuprite</a> of that mine?</p></div>
{_FOOTER}</body></html>
"""


def gallery_page(rows: Iterable[Row]) -> str:
    """A gallery as HTML: pictures that lead to photo pages."""
    cells = "".join(
        f'<div class="galrow"><a href="/photo-{row.photo_id}.html">'
        f"{html.escape(row.title)}</a> Photo ID: {row.photo_id}</div>\n"
        for row in rows
    )
    return f"<html><head><title>Gallery</title></head><body>{_MENU}{cells}{_FOOTER}</body></html>"
