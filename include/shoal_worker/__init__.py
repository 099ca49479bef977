"""What runs in the pod: reads the images of one shard, finds what the model sees in them, writes rows.

Importing the package prepares the process for the native libraries, which read these variables once, when
they are loaded: one thread per library (pods share nodes), OpenCV's own bound on the size of an image,
no lines from OpenCV about bad images (each has a row that says why), and no telemetry of ONNX Runtime, which
keeps an identity of the machine and what it would send in the home folder.
"""

import os

from shoal.contract.image_limits import PIXEL_LIMIT

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(PIXEL_LIMIT))
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
