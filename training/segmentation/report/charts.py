"""The drawings of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.segmentation.report.svg import Markup, colour, element, percent, picture, shape

MAP_WIDTH, MAP_HEIGHT, MARGIN = 760, 520, 26
CHART_WIDTH, CHART_HEIGHT = 760, 320
INTENTS = (("browsing", "browsing"), ("comparing", "comparing"), ("about_to_buy", "about to buy"))
Segments = Sequence[Mapping[str, Any]]


def bar(share: float, fill: str | None = None, class_: str = "bar") -> Markup:
    """Draw a bar as long as a share of its room; what it says stands in text beside it."""
    full = element("rect", width="100%", height="100%", class_="room")
    part = element("rect", width=f"{100 * min(1.0, max(0.0, share)):.2f}%", height="100%", fill=fill, class_="part")
    return element("svg", full, part, class_=class_, aria_hidden="true", focusable="false")


def intent_gauge(intent: Mapping[str, Any], shop: Mapping[str, Any]) -> Markup:
    """Draw how many browse, compare and are about to buy, above the same of the shop."""
    rows = []
    for y, height, shares in ((0, 14, intent), (18, 5, shop)):
        x = 0.0
        for key, _ in INTENTS:
            width = 100 * float(shares[key])
            rows.append(element("rect", x=f"{x:.2f}%", y=y, width=f"{width:.2f}%", height=height, class_=f"intent-{key}"))
            x += width
    text = ", ".join(f"{label} {percent(intent[key])} (shop {percent(shop[key])})" for key, label in INTENTS)
    return element("svg", element("title", "Intent"), element("desc", text), *rows, role="img", class_="gauge", height=23)


def shopper_map(drawn: Mapping[str, Any], segments: Segments) -> Markup:
    """Draw shoppers as marks of their segments, and the number of each segment at its middle."""
    points, centroids = drawn["points"], drawn["centroids"]
    across = [x for x, *_ in [*points, *centroids]]
    down = [y for _, y, *_ in [*points, *centroids]]

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = max(across) - min(across) or 1.0, max(down) - min(down) or 1.0
        return (
            MARGIN + (x - min(across)) / wide * (MAP_WIDTH - 2 * MARGIN),
            MAP_HEIGHT - MARGIN - (y - min(down)) / high * (MAP_HEIGHT - 2 * MARGIN),
        )

    marks = []
    for segment in range(len(segments)):
        mine = [place(x, y) for x, y, label in points if label == segment]
        path = "".join(f"M{x:.1f} {y:.1f}{_relative(segment)}" for x, y in mine)
        marks.append(element("path", element("title", segments[segment]["name"]), d=path, fill=colour(segment), class_="points"))
    numbers = []
    for segment, (x, y) in enumerate(_apart([place(x, y) for x, y in centroids])):
        numbers.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=12, class_="number", stroke=colour(segment)))
        numbers.append(element("text", str(segment), x=f"{x:.1f}", y=f"{y + 5:.1f}", class_="number"))
    text = (
        f"{len(points)} shoppers of {len(segments)} segments, drawn so that those who behave alike lie near to each other. "
        f"The two directions hold {percent(drawn['explained'])} of the differences between shoppers."
    )
    return picture(MAP_WIDTH, MAP_HEIGHT, "Map of shoppers by segment", text, *marks, *numbers)


def quality_chart(candidates: Segments, chosen: int | None) -> Markup:
    """Draw how well separated the groups of each way are, by how many there are."""
    shown = [(place, one) for place, one in enumerate(candidates) if one["silhouette"] is not None]
    most = max(one["segments"] for _, one in shown)
    low = min(0.0, *(one["silhouette"] for _, one in shown))
    left, right, top, bottom = 46, CHART_WIDTH - 150, 14, CHART_HEIGHT - 42

    def place_of(one: Mapping[str, Any]) -> tuple[float, float]:
        high = 1.0 - low
        return left + (one["segments"] - 2) / max(1, most - 2) * (right - left), bottom - (one["silhouette"] - low) / high * (bottom - top)

    drawn: list[str] = []
    for level in (0.0, 0.25, 0.5, 0.75, 1.0):
        _, y = place_of({"segments": 2, "silhouette": level})
        drawn.append(element("line", x1=left, x2=right, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid"))
        drawn.append(element("text", f"{level:g}", x=left - 8, y=f"{y + 4:.1f}", class_="axis end"))
    for number in sorted({2, most, *range(4, most, 4)}):
        x, _ = place_of({"segments": number, "silhouette": 0.0})
        drawn.append(element("text", str(number), x=f"{x:.1f}", y=bottom + 20, class_="axis middle"))
    drawn.append(element("text", "number of groups", x=(left + right) / 2, y=CHART_HEIGHT - 4, class_="axis middle"))
    methods = list(dict.fromkeys(one["method"] for _, one in shown))
    for number, method in enumerate(methods):
        mine = sorted(place_of(one) for _, one in shown if one["method"] == method)
        if all("clusters" in one["parameters"] for _, one in shown if one["method"] == method):
            line = " ".join(f"{x:.1f},{y:.1f}" for x, y in mine)
            drawn.append(element("polyline", points=line, stroke=colour(number), class_="line"))
        path = "".join(f"M{x:.1f} {y:.1f}{_relative(number * 6)}" for x, y in mine)
        drawn.append(element("path", d=path, fill=colour(number)))
        y = top + 16 + 24 * number
        drawn.append(element("path", d=f"M{right + 18} {y - 5}{_relative(number * 6)}", fill=colour(number)))
        drawn.append(element("text", method.partition(" (")[0], x=right + 30, y=y, class_="axis"))
    if chosen is not None:
        x, y = place_of(candidates[chosen])
        drawn.append(element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=10, class_="chosen"))
    text = "; ".join(f"{one['method']}, {one['segments']} groups: {one['silhouette']:.2f}" for _, one in shown)
    return picture(CHART_WIDTH, CHART_HEIGHT, "How far apart the groups of each way are (silhouette)", text, *drawn)


def _relative(segment: int) -> str:
    """Give a mark's path to be drawn from where the pen is."""
    return "m" + shape(segment)[1:]


def _apart(places: Sequence[tuple[float, float]], least: float = 25.0) -> list[tuple[float, float]]:
    """Push labels apart that would lie on each other."""
    moved = [list(place) for place in places]
    for _ in range(200):
        still = True
        for i in range(len(moved)):
            for j in range(i):
                dx, dy = moved[i][0] - moved[j][0], moved[i][1] - moved[j][1]
                distance = (dx * dx + dy * dy) ** 0.5
                if distance < least:
                    still = False
                    # Two on one spot go apart along a line that depends on their numbers.
                    dx, dy, distance = (dx, dy, distance) if distance > 1e-6 else (1.0, (i - j) % 3 - 1.0, 1.5)
                    push = (least - min(distance, least)) / 2 + 0.5
                    for k, sign in ((i, 1), (j, -1)):
                        moved[k][0] = min(MAP_WIDTH - 14, max(14, moved[k][0] + sign * push * dx / distance))
                        moved[k][1] = min(MAP_HEIGHT - 14, max(14, moved[k][1] + sign * push * dy / distance))
        if still:
            break
    return [(x, y) for x, y in moved]
