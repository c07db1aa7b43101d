"""Archives as Python's zipfile writes them, and what lies in each: golden vectors of the download.

Run: python test/golden/download.py > test/golden/download.json
"""

import base64
import hashlib
import io
import json
import platform
import random
import zipfile
import zlib

RANDOM = random.Random(7)
FILES = {
    "CESNET-TLS-Year22/servicemap.txt": b"youtube,Streaming media\n" * 40,
    "CESNET-TLS-Year22/WEEK-2022-00/2022-01-01/flows-20220101.csv.xz": RANDOM.randbytes(3000),
    "CESNET-TLS-Year22/WEEK-2022-01/2022-01-03/flows-20220103.csv.xz": RANDOM.randbytes(5000),
    "CESNET-TLS-Year22/WEEK-2022-01/2022-01-03/stats-20220103.json": b'{"apps": {"youtube": 1}}' * 30,
    "CESNET-TLS-Year22/WEEK-2022-01/2022-01-04/flows-20220104.csv.xz": b"",
    "CESNET-TLS-Year22/WEEK-2022-02/2022-01-10/flows-20220110.csv.xz": RANDOM.randbytes(700),
}


class Unseekable(io.RawIOBase):
    """What makes zipfile put sizes behind the data, in a descriptor."""

    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.bytes += data
        return len(data)


def write(target, compression, comment=b""):
    with zipfile.ZipFile(target, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo("CESNET-TLS-Year22/"), b"")
        for name, content in FILES.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
        archive.comment = comment


def in_memory(compression, comment=b""):
    target = io.BytesIO()
    write(target, compression, comment)
    return target.getvalue()


def main():
    archives = {
        "stored": in_memory(zipfile.ZIP_STORED),
        "deflated, with a comment": in_memory(zipfile.ZIP_DEFLATED, b"PK\x05\x06 is no end here"),
    }
    streamed = Unseekable()
    write(streamed, zipfile.ZIP_DEFLATED)
    archives["deflated, sizes behind the data"] = bytes(streamed.bytes)
    zipfile.ZIP64_LIMIT = 600  # every larger size and offset goes into a ZIP64 field
    archives["stored, ZIP64"] = in_memory(zipfile.ZIP_STORED)
    document = {
        "source": "Python zipfile",
        "version": platform.python_version(),
        "tolerance": 0,
        "files": {
            name: {
                "bytes": len(content),
                "crc32": zlib.crc32(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in FILES.items()
        },
        "archives": {name: base64.b64encode(data).decode() for name, data in archives.items()},
    }
    print(json.dumps(document, indent=2))


main()
