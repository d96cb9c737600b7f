"""The templates of pages, and what all of them share: one policy, one style, and text of strangers that cannot act.

Jinja escapes all text, `visible` shows control and direction characters, and each page's policy (CSP) forbids every request."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from . import rows, text


def rendered(name: str, **values: Any) -> str:
    """The page that the template `name` makes of `values`. The same values give the same bytes."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FunctionLoader(resource)
    )
    made = (text.visible, text.number, text.percent, text.interval, text.duration, text.shown, text.shown_interval, rows.picture)
    environment.filters |= {each.__name__: each for each in made}
    return environment.get_template(name).render(css=Markup(resource("page.css")), **values)


def resource(name: str) -> str:
    """The text of a file beside this one."""
    return files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
