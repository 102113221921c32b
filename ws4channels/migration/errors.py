"""The error that ends the command."""


class MigrationError(Exception):
    """The command cannot do its work, and has changed nothing; the text says why and what to do.

    Not one of ws4channels.exceptions, whose base is Django's: this command runs without Django.
    """
