"""`python -m archspec` is the command `archspec`."""

from archspec.cli import entry

if __name__ == "__main__":
    entry()
