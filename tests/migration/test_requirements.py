"""Tests of the decision about one requirement."""

from __future__ import annotations

import pytest

from ws4channels import __version__
from ws4channels.migration.requirements import (
    Verdict,
    excludes_from,
    in_the_style_of,
    judge,
    read_requirement,
    replaced,
    versions_in,
)

MAJOR_MINOR = __version__.rpartition(".")[0]


@pytest.mark.parametrize(
    "versions",
    [
        "<5",
        "<=4.6",
        "==3.5.3",
        "==4.*",
        "~=4.5",
        "^4.5",
        "~4.5",
        "~4",
        "4.5",
        "=4.0",
        ">=2.10, <5",
        "<4.99,!=3",
        "^0.9",
        "^4",
    ],
)
def test_old_versions_exclude_new_ones(versions: str) -> None:
    """No version from 5 on satisfies these."""
    assert excludes_from(versions, (5,))


@pytest.mark.parametrize(
    "versions",
    ["", "*", ">=2.10", "<6", "<5.1", "<=5", "==5.0.1", "==5.*", "~=5.0", "^5.0", "~5", "!=4", ">4", "latest", "5"],
)
def test_new_versions_are_possible(versions: str) -> None:
    """Some version from 5 on satisfies these, or it cannot be told."""
    assert not excludes_from(versions, (5,))


@pytest.mark.parametrize("versions", ["<4.2", "==4.1.13", "~=4.1.0", "==4.1.*", "^3.2", "~4.1", "3.2"])
def test_minor_versions_count(versions: str) -> None:
    """Django 4.1 is too old, although 4.2 is not."""
    assert excludes_from(versions, (4, 2))


@pytest.mark.parametrize("versions", ["<4.3", "==4.2", "~=4.1", "==4.*", "^4.0", "~4", ">=3.2", "<5"])
def test_minor_versions_that_are_possible(versions: str) -> None:
    """Django 4.2 satisfies these."""
    assert not excludes_from(versions, (4, 2))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("", ""),
        ("*", "*"),
        ("==0.6.0", f"=={__version__}"),
        ("== 0.6.0", f"== {__version__}"),
        ("===0.6", f"==={__version__}"),
        ("==0.6.*", f"=={MAJOR_MINOR}.*"),
        ("~=0.6", f"~={__version__}"),
        ("^0.6", f"^{__version__}"),
        ("~0.6", f"~{__version__}"),
        ("0.6.0", __version__),
        (">=0.5,<1", f">={__version__}"),
        ("<1", f">={__version__}"),
        ("!=0.5", f">={__version__}"),
    ],
)
def test_ours_is_pinned_in_their_style(theirs: str, ours: str) -> None:
    """An exact pin stays exact, a bound a bound, and nothing nothing."""
    assert in_the_style_of(theirs) == ours


@pytest.mark.parametrize("name", ["django-websocket-redis", "Django_Websocket.Redis", "DJANGO--WEBSOCKET-REDIS"])
def test_all_spellings_are_one_name(name: str) -> None:
    """Packages are found by any spelling."""
    assert judge(name, "").name == "ws4channels"


@pytest.mark.parametrize("name", ["six", "django-redis", "channels", "daphne", "redis", "Django", "ws4channels"])
def test_other_packages_stay(name: str) -> None:
    """Nothing is to be done, and nothing to be said."""
    verdict = judge(name, ">=1")
    assert (verdict.name, verdict.said) == (None, "")


@pytest.mark.parametrize(
    ("text", "versions", "after"),
    [
        ("a", "", "ws4channels==1"),
        ("a-b_c.d==1.0", "==1.0", "ws4channels==1"),
        ("a [x,y] >= 1, < 2", ">= 1, < 2", "ws4channels ==1"),
        ("a; python_version < '3'", "", "ws4channels==1; python_version < '3'"),
        ("a (>=1) ; python_version < '3'", ">=1", "ws4channels ==1 ; python_version < '3'"),
        ("a @ https://example.org/a.zip", "", "ws4channels==1"),
    ],
)
def test_name_and_versions_are_replaced(text: str, versions: str, after: str) -> None:
    """Markers stay; extras and addresses were those of the other package."""
    assert read_requirement(text) is not None
    assert versions_in(text) == versions
    assert replaced(text, Verdict("ws4channels", "==1")) == after


@pytest.mark.parametrize("text", ["-r base.txt", "two words", "==1", "https://example.org/a.zip", ""])
def test_other_lines_are_no_requirements(text: str) -> None:
    """What packaging cannot read is none."""
    assert read_requirement(text) is None
