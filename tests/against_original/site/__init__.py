"""A site that runs unchanged on either package; `legacy.py` is the only place that knows which one it is."""
