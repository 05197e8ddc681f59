"""Development entry: the installed command is `maillage`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))

from maillage.__main__ import main

if __name__ == "__main__":
    main()
