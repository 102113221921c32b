"""The command that moves a site from django-websocket-redis to this package: ``python -m ws4channels.migration PATH``.

How it works, for those who add a fixer:

1. `project` finds the files below PATH and reads them. Version control, environments, ``node_modules`` and vendored
   copies of ``ws4redis`` are left out. A file is a `SourceFile`: its path below PATH, with slashes, and its text, with
   its own line endings.
2. `facts` looks at all Python files once and collects what a fixer of one file must know of the others: `Facts`.
3. `engine` passes each file through the fixers that want it, one after the other, each getting the text that the one
   before it returned.
4. `report` shows what was found: as a unified diff with text, as JSON, as HTML. `writing` writes all files or none.

A fixer is a class in a module of its own below ``fixers``; its module's name goes into ``fixers.NAMES``, at the place
where it is to run. It sees one file and returns that file's new text and what it found::

    class TemplatesFixer(Fixer):
        def wants(self, file: SourceFile, facts: Facts) -> bool:
            return file.suffix in {".html", ".txt"} and "ws4redis" in file.text

        def fix(self, file: SourceFile, facts: Facts) -> Fixed:
            return Fixed(new_text, [Finding(file.path, line, "what is there", "what to do", Severity.CHECK)])

A fixer that finds nothing to change returns the text it got, unchanged. What a fixer has rewritten it must not want to
rewrite again. Findings are about what the reader must know or do: a rewriting that needs no thought needs no finding,
for the diff shows it. The line of a finding is one of the text that the fixer got, counted from 1; the engine moves it
to where that line is in the file as the reader has it.

Fixers of Python files derive from ``python_fixer.PythonFixer``, which parses with LibCST and gives its transformer
positions, scopes and qualified names. A fixer that makes new files derives from ``ProjectFixer``: it runs after all
others and sees all texts.

Nothing here imports Django, because old sites, whose Django may not even import on this Python, are what it is for.
LibCST is imported by the fixers only; `cli` says how to install it.
"""
