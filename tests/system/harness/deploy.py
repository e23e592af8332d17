"""What the tests share with deploy/lab."""

import os
import sys

from .base import TOP

sys.path.insert(0, os.path.join(TOP, "deploy"))
from hublab import keys, network, perimeter, state as lab_state  # noqa: E402, F401
