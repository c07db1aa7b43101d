"""Rows, sum and sum of squares of `id` of versions of a table, as Python's deltalake reads them.

    python read_versions.py TABLE VERSIONS_JSON STORAGE_OPTIONS_JSON
"""

import json
import os
import sys

from deltalake import DeltaTable

table, versions, options = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
found = []
for version in versions:
    ids = DeltaTable(table, version=version, storage_options=options).to_pandas(columns=["id"])["id"]
    found.append([len(ids), int(ids.sum()), int((ids * ids).sum())])
print(json.dumps(found), flush=True)
os._exit(0)  # its threads abort the process at a normal exit
