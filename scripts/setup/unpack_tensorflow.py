"""Unpack the headers and the two libraries of a tensorflow wheel beside it: 1.1 of its 1.3 GB are not needed."""

import os
import sys
import zipfile

wheel = sys.argv[1]
with zipfile.ZipFile(wheel) as archive:
    wanted = [
        name
        for name in archive.namelist()
        if name.startswith(("tensorflow/include/", "tensorflow/libtensorflow"))
    ]
    archive.extractall(os.path.dirname(wheel), members=wanted)
os.remove(wheel)
