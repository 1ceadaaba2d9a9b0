"""The one base of every error that a user can mend."""


class LCMError(Exception):
    """Bad input or a bad setting, said in one line: the place, what is there, what is expected, the remedy.

    The `lcm` command prints it without a traceback and exits with code 2; each room derives its own.
    """
