"""
Something like a task queue. With @task a function gets .delay(), which does it at once.
"""
import functools


def task(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    wrapper.delay = wrapper
    return wrapper
