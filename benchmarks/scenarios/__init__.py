"""One module per measurement. Each has ``run(bench, subjects)`` and returns what goes into the JSON under its name."""
