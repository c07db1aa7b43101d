#!/bin/sh
# Creates the namespace and the search attributes that every run sets. Safe to repeat.
set -eu

temporal operator namespace describe --namespace default ||
  temporal operator namespace create --namespace default --retention 30d

for name in SentinelDag SentinelPartition SentinelPlanHash SentinelState; do
  temporal operator search-attribute list --namespace default | grep -qw "$name" ||
    temporal operator search-attribute create --namespace default --name "$name" --type Keyword
done
