"""Create the bucket named on the command line, unless it is there."""

import os
import sys

import boto3

bucket = sys.argv[1]
store = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
if bucket not in [entry["Name"] for entry in store.list_buckets()["Buckets"]]:
    store.create_bucket(Bucket=bucket)
