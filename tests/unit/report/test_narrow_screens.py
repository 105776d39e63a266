"""The report on a phone: nothing but wide tables, which scroll by themselves, is wider than the screen."""

import re

from scope.report.render import TEMPLATES

CSS = (TEMPLATES / "report.css").read_text()


def test_columns_of_charts_are_at_most_as_wide_as_the_screen():
    assert {width[-6:] for width in re.findall(r"minmax\((.*?), 1fr\)", CSS)} == {" 100%)"}


def test_captions_of_tables_and_charts_wrap():
    assert "max-width: calc(100vw - 48px)" in re.search(r"^caption \{.*\}$", CSS, re.MULTILINE)[0]
    assert "overflow-wrap: anywhere" in re.search(r"^figcaption \{.*\}$", CSS, re.MULTILINE)[0]
