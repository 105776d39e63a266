"""The report: figures, charts and text, rendered into one HTML file that opens offline."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scope.report import charts, style

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    """The templates, each compiled once."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "percent", "points", "token_colour"):
        environment.filters[name] = getattr(style, name)
    environment.filters["script_json"] = script_json
    return environment


def render(**context: Any) -> str:
    """The whole report; all text of the artifacts is escaped, nothing is loaded from elsewhere."""
    # Its stub requires the snippet, which may be left out
    bundle = Markup(vl_convert.javascript_bundle(vl_version=charts.VEGA_LITE))  # pyright: ignore[reportCallIssue]
    return _environment().get_template("report.html.j2").render(bundle=bundle, dash=style.DASH, **context)


def script_json(value: Any) -> Markup:
    """JSON that may stand inside a <script> element: no text in it can close the element."""
    return Markup(json.dumps(value, allow_nan=False, sort_keys=True).replace("<", "\\u003c"))
