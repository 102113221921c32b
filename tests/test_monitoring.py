"""Tests of docs/monitoring/: the dashboard and the alerts ask for metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.test_documentation import DOCS, text_of
from ws4channels import metrics

DASHBOARD = DOCS / "monitoring" / "dashboard.json"
RULES = DOCS / "monitoring" / "rules.yml"


@pytest.fixture(scope="module")
def given() -> dict[str, str]:
    """The name of each sample that our metrics give, with its type."""
    registry = CollectorRegistry()
    metrics.register(registry)
    return {sample.name: family.type for family in registry.collect() for sample in family.samples}


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    """Return the alerts."""
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries() -> Iterator[str]:
    """Yield each query of the dashboard and of the alerts."""
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())


@pytest.mark.parametrize("path", [DASHBOARD, RULES, DOCS / "monitoring.md"], ids=lambda path: path.name)
def test_each_metric_that_is_named_is_given(given: dict[str, str], path: Path) -> None:
    """A counter that is renamed takes its panels and alerts with it."""
    named = set(re.findall(r"\bws4channels_\w+", path.read_text("utf-8")))
    commands = {
        name for name in named if name.removeprefix("ws4channels_") in ("status", "listen", "publish", "explain")
    }
    assert named
    assert named - commands <= set(given)


def test_counters_are_asked_for_their_growth(given: dict[str, str]) -> None:
    """A counter only grows, so each stands in a `rate` or an `increase`; a gauge stands in neither."""
    for query in queries():
        names = re.findall(r"\bws4channels_\w+", query)
        growing = re.findall(r"\b(?:rate|increase)\((ws4channels_\w+)", query)
        assert names
        assert sorted(growing) == sorted(name for name in names if given[name] == "counter"), query
        assert query.count("(") == query.count(")")


def test_alerts_are_complete() -> None:
    """Each has a severity, a summary and a description, and its row on the page that says what to do."""
    page = text_of("docs/monitoring.md")
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
        assert f"| `{rule['alert']}` |" in page
    assert (
        len(rules())
        == len({rule["alert"] for rule in rules()})
        == len(re.findall(r"^\| `Ws4channels\w+` \|", page, re.M))
    )


def test_panels_have_places_of_their_own() -> None:
    """No panel lies on another, and each has an id of its own."""
    cells: list[tuple[int, int]] = []
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells += [(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in panels()}) == len(panels())
