"""
What phi_sol sets before TensorFlow is imported, see `settings` for the rest: `TF_CPP_MIN_LOG_LEVEL=2`, unless
it is set. No chatter at the start; errors stay.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
