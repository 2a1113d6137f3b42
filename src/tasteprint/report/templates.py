"""What all pages share: templates that escape everything, and the hash that lets a page's own style in.

Enters: filters. Leaves: a jinja2 environment. Does not know: any page.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page_environment(**filters: Callable[..., Any]) -> Environment:
    """Templates of this room, with filters beside the shared `digest`; a missing variable is an error."""
    environment = Environment(
        loader=PackageLoader("tasteprint", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"digest": style_digest, **filters}
    return environment


def style_digest(text: str) -> str:
    """The hash by which the content security policy knows a page's own style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
