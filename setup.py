"""Packaging of ws4channels. Imports nothing of the package, so that building needs no dependency."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (ROOT / "ws4channels/__init__.py").read_text("utf-8"), re.M).group(1)


def _requirements(purpose: str) -> list[str]:
    lines = (ROOT / f"requirements/{purpose}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


setup(
    name="ws4channels",
    version=VERSION,
    description="django-websocket-redis sites on today's Django, Channels and Daphne",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["ws4channels", "ws4channels.*"]),
    package_data={"ws4channels": ["py.typed", "static/js/*"]},
    python_requires=">=3.10",
    install_requires=_requirements("base"),
    extras_require={"metrics": ["prometheus_client>=0.19"], "migration": _requirements("migration")},
    zip_safe=False,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 4.2",
        "Framework :: Django :: 5.2",
        "Intended Audience :: Developers",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP",
        "Typing :: Typed",
    ],
)
