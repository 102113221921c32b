"""Packaging of ws4channels. Imports nothing of the package, so that building needs no dependency."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
REPOSITORY = "https://github.com/ws4channels/ws4channels"
VERSION = re.search(r'^__version__ = "(.+)"$', (ROOT / "ws4channels/__init__.py").read_text("utf-8"), re.M).group(1)


def requirements(purpose: str) -> list[str]:
    """Return the requirements of a file in requirements/, without its comments."""
    lines = (ROOT / f"requirements/{purpose}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def readme() -> str:
    """Return the README with absolute links, because package indexes show it without the files around it."""
    text = (ROOT / "README.md").read_text("utf-8")
    text = re.sub(r"(!\[[^\]]*\])\((?!\w+:|#)", rf"\1({REPOSITORY}/raw/main/", text)
    return re.sub(r"\]\((?!\w+:|#)", f"]({REPOSITORY}/blob/main/", text)


setup(
    name="ws4channels",
    version=VERSION,
    description="Push messages from Django to browsers: django-websocket-redis on today's Channels and Daphne",
    long_description=readme(),
    long_description_content_type="text/markdown",
    author="The ws4channels authors",
    url=REPOSITORY,
    project_urls={
        "Documentation": f"{REPOSITORY}/blob/main/docs/index.md",
        "Changes": f"{REPOSITORY}/blob/main/CHANGELOG.md",
        "Source": REPOSITORY,
        "Issues": f"{REPOSITORY}/issues",
    },
    keywords=["django", "websocket", "redis", "channels", "daphne", "asgi", "ws4redis", "django-websocket-redis"],
    license="MIT",
    packages=find_packages(include=["ws4channels", "ws4channels.*"]),
    package_data={
        "ws4channels": [
            "py.typed",
            "static/js/*",
            "static/ws4channels/*",
            "templates/admin/ws4channels/*",
            "migration/rules.yaml",
        ]
    },
    python_requires=">=3.10",
    install_requires=requirements("base"),
    extras_require={"metrics": ["prometheus_client>=0.19"], "migration": requirements("migration")},
    zip_safe=False,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Django",
        "Framework :: Django :: 4.2",
        "Framework :: Django :: 5.1",
        "Framework :: Django :: 5.2",
        "Framework :: Django :: 6.0",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
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
