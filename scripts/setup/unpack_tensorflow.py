"""Unpack the two libraries of a tensorflow wheel beside it; the rest is not needed."""

import os
import sys
import zipfile

wheel = sys.argv[1]
with zipfile.ZipFile(wheel) as archive:
    wanted = [name for name in archive.namelist() if name.startswith("tensorflow/libtensorflow")]
    archive.extractall(os.path.dirname(wheel), members=wanted)
os.remove(wheel)
