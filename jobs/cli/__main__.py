"""``python -m jobs.cli``: the command line where the `swerve` script is not installed."""

import sys

from jobs.cli import main

sys.exit(main())
