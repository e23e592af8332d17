"""What the person at the keyboard is told, and no stack trace."""


class LabError(Exception):
    """The lab cannot do what was asked; the text says why, and what would help."""
