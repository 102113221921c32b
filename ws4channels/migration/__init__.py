"""The command that moves a site from django-websocket-redis to ws4channels: ``python -m ws4channels.migration PATH``.

How it works, for those who add a fixer:

1. `project` reads the files below PATH. It skips version control, environments, what git ignores and copies of
   ``ws4redis``. A file is a `SourceFile`: its path below PATH, with slashes, and its text with its own line endings.
   Files that hold none of the words that matter are not kept, because parsing takes long.
2. `facts` parses the Python files once and collects what a fixer of one file must know about the others: `Facts`.
3. `engine` passes each file through the fixers that want it, one after the other; each gets the text that the one
   before it returned. `leftovers` reports the lines that still name ws4redis afterwards.
4. `report` prints what was found. `writing` writes all files or none.

A fixer is a module below ``fixers``; its name goes into ``fixers.NAMES``, at the place where it is to run. Its function
`fix` gets one file and returns that file's new text and what it found, or None if it has nothing to do with the file::

    def fix(file: SourceFile, facts: Facts) -> Fixed | None:
        if file.suffix not in {".html", ".txt"}:
            return None
        return Fixed(new_text, [finding("name-of-what-was-found", file.path, line)])

A fixer that finds nothing to change returns the text it got. It must not rewrite what it has rewritten before.
Findings are what the reader must know or do: a rewriting that needs no thought needs no finding, because the diff
shows it. The line of a finding is a line of the text that the fixer got, counted from 1; the engine translates it to
the file on disk. Findings with the same text are one entry of the report, so what differs from place to place goes
into `shown`.

What rewrites Python is a subclass of ``python_fixer.Transformer``, which parses with LibCST and has such a `fix`. What
looks at all files, or makes new ones, is a function `fix_project`: it runs after all others. What a finding
says stands in ``rules.yaml``; so do rules for lines that are only reported.

Nothing here imports Django, because an old site's Django may not import on this Python. LibCST, packaging and PyYAML
are imported by the fixers only; `cli` says how to install them.
"""
