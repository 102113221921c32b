import os


def env(name, default=None, cast=str):
    return cast(os.environ.get(name, default))
