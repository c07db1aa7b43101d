"""Create the buckets named on the command line, unless they are there."""

import os
import sys

import boto3

store = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
present = [entry["Name"] for entry in store.list_buckets()["Buckets"]]
for bucket in sys.argv[1:]:
    if bucket not in present:
        store.create_bucket(Bucket=bucket)
