"""`python -m aura_lib` is the `aura` command."""

from __future__ import annotations

from aura_lib.cli import main

if __name__ == "__main__":
    main()
