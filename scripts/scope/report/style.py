"""Colours that colour-blind readers can distinguish, and rounded numbers."""

from colorsys import hls_to_rgb

DASH = "–"
BASE, TEACHER = "#7a828c", "#1b1f24"
# Okabe and Ito 2008, without its yellow and black; then two of Tol's muted scheme.
ARMS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")
# Tol's muted scheme, then greys, then some of his medium-contrast scheme.
STAGES = (
    "#332288",
    "#117733",
    "#88CCEE",
    "#DDCC77",
    "#CC6677",
    "#44AA99",
    "#999933",
    "#AA4499",
    "#882255",
    "#BBBBBB",
    "#777777",
    "#6699CC",
    "#997700",
    "#EE99AA",
)
MORE, LESS = "213, 94, 0", "0, 114, 178"  # RGB of the two ends of a diverging scale


def policy_colours(arms: list[str]) -> dict[str, str]:
    """One colour per policy, the same in every chart, in the order of legends."""
    return {"base": BASE, "teacher": TEACHER, **_coloured(arms, ARMS)}


def stage_colours(stages: list[str]) -> dict[str, str]:
    """One colour per stage, in the order of legends."""
    return _coloured(stages, STAGES)


def form_colours(forms: tuple[str, ...]) -> dict[str, str]:
    """One colour per form of answer, the same in every report."""
    return _coloured(list(forms), STAGES)


def _coloured(names: list[str], chosen: tuple[str, ...]) -> dict[str, str]:
    """The chosen colours, then as many further ones as there are names; all differ."""
    further = [_further(index) for index in range(len(names) - len(chosen))]
    return dict(zip(names, [*chosen, *further], strict=False))


def _further(index: int) -> str:
    """Hues a golden section apart, which never repeat, alternating darker and lighter."""
    shares = hls_to_rgb(index * 0.618034 % 1, (0.28, 0.68, 0.4, 0.54)[index % 4], 0.6)
    return "#" + "".join(f"{round(255 * share):02X}" for share in shares)


def number(value: float | None, digits: int = 3) -> str:
    """A figure with `digits` significant digits, thousands separated; a dash for None."""
    if value is None:
        return DASH
    if abs(value) >= 10 ** (digits - 1):
        return _minus(f"{value:,.0f}")
    if value and abs(value) < 1e-3:
        return _minus(f"{value:.{digits - 1}e}")
    return _minus(f"{value:.{digits}g}")


def percent(share: float | None) -> str:
    """A share as a percentage without its sign, one decimal."""
    return DASH if share is None else f"{100 * share:.1f}"


def points(share: float) -> str:
    """A difference of shares in percentage points, signed, one decimal."""
    return _minus(f"{100 * share:+.1f}")


def _minus(text: str) -> str:
    return text.replace("-", "−")


def token_colour(value: float, full: float = 3.0) -> str:
    """CSS background of a token: one hue above 0, another below, opaque at +-`full` nats."""
    hue = MORE if value > 0 else LESS
    return f"rgba({hue}, {min(abs(value) / full, 1) * 0.75:.2f})"
