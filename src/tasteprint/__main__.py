"""`python -m tasteprint` is `tasteprint`.

Enters: arguments. Leaves: what the command leaves. Does not know: anything else.
"""

from tasteprint.cli.main import main

if __name__ == "__main__":
    main()
