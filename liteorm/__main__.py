"""`python -m liteorm`: the `liteorm` command where its script is not on the PATH."""

import sys

from liteorm._cli import main

sys.exit(main())
