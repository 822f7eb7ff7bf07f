"""`python -m liteorm_testing` is the command `liteorm-testing`."""

from liteorm_testing._cli import main

raise SystemExit(main())
