"""Shoal: what does this model see in every image of this bucket?"""

import time

LOADED_AT = time.time()
"""When the first of its modules was loaded, seconds since 1970: a server of tasks may have loaded some days before others."""
