"""What was found, for people: a page that needs no other file, and Markdown tables."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from sfumato.evaluation import plots
from sfumato.evaluation.results import NO_RIVALS
from sfumato.evaluation.strips import data_uri

# Rows that differ in one of these are not rivals: the best is marked among those that agree.
APART = ("scheduler", "steps", "map", "edge", "pictures", "greys")
STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:78em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.6em}h2{margin-top:2.5em;border-bottom:1px solid}h3{margin:1.6em 0 .3em;font-size:1.05em}"
    "table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}"
    "td,th{padding:.25em .7em;text-align:right;font-weight:400;vertical-align:baseline}td{white-space:nowrap}"
    "thead th{border-bottom:1px solid;vertical-align:bottom}td.text,th.text{text-align:left}"
    "tr.new td{border-top:1px solid}td b{font-weight:700}small{opacity:.7;font-size:11px}.wide{overflow-x:auto}"
    "p,figcaption{max-width:52em}img{max-width:100%;height:auto}figure{margin:1.5em 0}nav a{margin-right:1em}"
)


def page(document: dict[str, Any], folder: Path) -> str:
    """HTML, light and dark. folder: where the strips' pictures lie."""
    experiments = document["experiments"]
    links = " ".join(f'<a href="#{name}">{html.escape(name)}</a>' for name in experiments)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>Sfumato: evaluation of {html.escape(document['model']['name'])}</title><style>{STYLE}</style></head>",
        "<body><h1>Does the picture follow the map, and only the map?</h1>",
        *(f"<p>{_words(line)}</p>" for line in about(document)),
        f"<nav>{links}</nav>",
    ]
    for name, found in experiments.items():
        parts.append(f'<h2 id="{name}">{html.escape(found["title"])}</h2><p>{_words(found["says"])}</p>')
        parts += [_table(table) for table in found["tables"] if table["rows"]]
        parts += [_plot(plot) for plot in found["plots"] if plot["lines"]]
        parts += [_strip(strip, folder) for strip in found["strips"]]
    return "\n".join([*parts, "</body></html>", ""])


def about(document: dict[str, Any]) -> Iterator[str]:
    """What was evaluated, how, and what is missing."""
    minutes = sum(document["seconds"].values()) / 60
    commit = document["commit"] or f"code {document['code'][:12]}"
    yield (
        f"{document['model']['name']}, weights {document['weights'][:12]}; Sfumato {document['sfumato']}, {commit}; "
        f"`{document['command']}`, {minutes:.0f} minutes on {document['machine']}."
    )
    yield "Small numbers are 95 % intervals over pictures. The best of rows that can be compared is bold."
    if document["uncalibrated"]:
        yield f"Without the axis 'perceived': {document['uncalibrated']}"


def markdown(document: dict[str, Any]) -> str:
    """The tables alone, for documentation."""
    parts = [*about(document)]
    for found in document["experiments"].values():
        parts += [f"## {found['title']}", found["says"]]
        for table in found["tables"]:
            if table["rows"]:
                parts += [f"### {table['title']}", *([table["note"]] if table["note"] else []), _rows(table)]
    return "\n\n".join(parts) + "\n"


def _rows(table: dict[str, Any]) -> str:
    columns, best = table["columns"], _best(table)
    head = [f"{column['title']} {_arrow(column)}".strip().replace("|", "\\|") for column in columns]
    lines = [head, ["---"] * len(head)]
    for index, row in enumerate(table["rows"]):
        cells = []
        for column in columns:
            said, around = _said(row.get(column["key"]), column)
            said = f"**{said}**" if (index, column["key"]) in best else said
            cells.append(f"{said} {around}".strip().replace("|", "\\|"))
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _table(table: dict[str, Any]) -> str:
    columns, best = table["columns"], _best(table)
    kinds = ["text" if isinstance(table["rows"][0].get(column["key"]), str) else "" for column in columns]
    heads = (
        f'<th class="{kind}" scope="col">{html.escape(column["title"])} {_arrow(column)}</th>'
        for column, kind in zip(columns, kinds, strict=True)
    )
    body, before = [], None
    for index, row in enumerate(table["rows"]):
        cells = []
        for column, kind in zip(columns, kinds, strict=True):
            said, around = (html.escape(part) for part in _said(row.get(column["key"]), column))
            said = f"<b>{said}</b>" if (index, column["key"]) in best else said
            cells.append(f'<td class="{kind}">{said}{f" <small>{around}</small>" if around else ""}</td>')
        group = _group(row)
        body.append(f'<tr class="{"new" if before not in (None, group) else ""}">{"".join(cells)}</tr>')
        before = group
    note = f"<p>{_words(table['note'])}</p>" if table["note"] else ""
    inside = f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<h3>{html.escape(table["title"])}</h3>{note}<div class="wide"><table>{inside}</table></div>'


def _plot(plot: dict[str, Any]) -> str:
    series, place = [], 0
    for line in plot["lines"]:
        low, high = (_numbers(line[end]) or None for end in ("low", "high"))
        quiet = line["name"] == "right"
        x, y = _numbers(line["x"]), _numbers(line["y"])
        series.append(plots.Line(line["name"], x, y, low, high, None if quiet else place, quiet))
        place += not quiet
    drawn = plots.lines(series, title=plot["title"], x=plot["x"], y=plot["y"])
    note = f"<figcaption>{html.escape(plot['note'])}</figcaption>" if plot["note"] else ""
    return f"<figure>{drawn}{note}</figure>"


def _strip(strip: dict[str, Any], folder: Path) -> str:
    with Image.open(folder / strip["file"]) as picture:
        uri = data_uri(picture)
    said = html.escape(strip["title"])
    rows = html.escape(", ".join(strip["names"]))
    return f'<figure><figcaption>{said}</figcaption><img alt="{said}. Rows: {rows}" src="{uri}"></figure>'


def _words(said: str) -> str:
    """A sentence, with what stands between backticks as code."""
    parts = html.escape(said).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _said(value: Any, column: dict[str, Any]) -> tuple[str, str]:
    """A cell, and its interval."""
    if not isinstance(value, dict):
        return (value, "") if isinstance(value, str) else (_number(value, column["digits"]), "")
    low, high = value["low"], value["high"]
    around = "" if low is None or high is None else "–".join(_number(v, column["digits"]) for v in (low, high))
    return _number(value["value"], column["digits"]), around


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:.0e}"
    return f"{value:.{digits}f}".replace("-", "−")


def _best(table: dict[str, Any]) -> set[tuple[int, str]]:
    """The cells to mark: row and column; none where all are alike."""
    marked: set[tuple[int, str]] = set()
    groups: dict[Any, list[int]] = {}
    for index, row in enumerate(table["rows"]):
        if not any(row.get(key) in NO_RIVALS for key in ("rule", "method", "threshold")):
            groups.setdefault(_group(row), []).append(index)
    for column in table["columns"]:
        if not column["better"]:
            continue
        for rows in groups.values():
            read = {i: _read(table["rows"][i].get(column["key"]), column["digits"]) for i in rows}
            held = {i: v for i, v in read.items() if math.isfinite(v)}
            if len(set(held.values())) > 1:
                best = (max if column["better"] == "up" else min)(held.values())
                marked |= {(i, column["key"]) for i, v in held.items() if v == best}
    return marked


def _read(value: Any, digits: int) -> float:
    number = value["value"] if isinstance(value, dict) else value
    return round(number, digits) if isinstance(number, (int, float)) else math.nan


def _group(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in APART)


def _arrow(column: dict[str, Any]) -> str:
    return {"up": "↑", "down": "↓", "": ""}[column["better"]]


def _numbers(values: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
