"""What stands where on a Mindat photo page: the one table of selectors, and of the words beside it.

The shapes are those that crawlers of 2017 to 2026 met; the site may change them any day, and then
this file is the one to mend.
"""

from __future__ import annotations

SITE = "https://www.mindat.org"
MAX_PAGE_BYTES = 8 * 2**20  # a photo page has some 0.1 MB

SELECTORS = {
    "meta": "meta",
    "canonical": 'link[rel="canonical"]',
    "page title": "head title, title",
    "title bar": "#titlebar",
    "title block": "#titlebar h1, #titlebar h2",
    "minerals": 'a[href*="min-"]',
    "locality": 'a[href*="loc-"]',
    "specimen": ".minid_photo_page",
    "picture": "img#mainphoto, .userbigpicture img",
    "any picture": 'img[src*="imagecache"], img[data-src*="imagecache"]',
    "caption": ".photodesc, #photodesc, .photodescription",
    "caption and comments": ".photocomments",
    "in no caption": ".photodesc table, #photodesc table, .photodesc dl",
    "comments": ".photocomments, #photocomments, .comments, #comments",
    "facts": "tr, dl",
    "gallery": ".galrow, .pnpagecount",
    "photo links": 'a[href*="photo-"]',
    "menus": (
        "nav, header, footer, aside, select, [role=navigation], #menu, #header, #footer, #nav, "
        ".menu, .nav, .navbar, .topmenu, .sidemenu, .header, .footer, .sidebar, .breadcrumb"
    ),
    "never text": "script, style, template, noscript, iframe, object, svg",
}
# what the lines and tables beside the picture are called -> what they are called here
FACTS = {
    "photo id": "photo id",
    "type": "type",
    "photo type": "type",
    "image type": "type",
    "copyright": "copyright",
    "photographer": "photographer",
    "photo by": "photographer",
    "minerals": 'a[href*="min-"]',
    "locality": "locality",
    "location": "locality",
    "dimensions": "dimensions",
    "field of view": "field",
    "field width": "field",
    "fov": "field",
    "field": "field",
    "light": "light",
    "lighting": "light",
    "minid": "minid",
    "largest": "largest",
    "weight": "weight",
}
