"""A matplotlib figure as SVG that can stand inside an HTML page: themed by the page's CSS, the same bytes for the same data.

Two colours are stand-ins for the page's own, so that one drawing serves light and dark. Text stays text: it can be searched and
read aloud. Only ids that something refers to are kept, under the plot's name, because ids of two plots on a page collide.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK = "#0a0b0c"
FAINT = "#c0c1c2"
THEMED = {INK: "var(--ink)", FAINT: "var(--line)"}

STYLE = Path(__file__).with_name("pasture.mplstyle")


def draw(name: str, description: str, size: tuple[float, float], paint: Callable[[Figure], None]) -> str:
    """An `<svg>` element. name: prefix of its ids. description: what a reader who cannot see it is told. size: inches."""
    with matplotlib.rc_context(fname=STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)  # only measured here; the browser draws it
        figure = Figure(figsize=size, layout="constrained")
        paint(figure)
        out = io.StringIO()
        FigureCanvasSVG(figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(out.getvalue(), name, description)


def _inline(svg: str, name: str, description: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    for stand_in, themed in THEMED.items():
        svg = svg.replace(stand_in, themed)
    svg = svg.replace("'DejaVu Sans', sans-serif", "var(--sans)").replace("'DejaVu Sans'", "var(--sans)")
    open_tag, rest = svg.split(">", 1)
    view_box = re.search(r'viewBox="[^"]*"', open_tag)
    assert view_box is not None
    label = escape(description, quote=True)
    return f'<svg role="img" aria-label="{label}" xmlns:xlink="http://www.w3.org/1999/xlink" {view_box[0]}>{rest}'.strip()
