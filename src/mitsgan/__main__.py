"""``python -m mitsgan`` is the command ``mitsgan``."""

import sys

from mitsgan.cli.main import main

sys.exit(main())
