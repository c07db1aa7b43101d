#!/bin/sh
# Creates or upgrades the two databases of Temporal. Safe to repeat.
set -eu

migrate() {
  tool="temporal-sql-tool --plugin postgres12 --ep temporal-database -p 5432 -u temporal --db $1"
  $tool create
  $tool setup-schema -v 0.0
  $tool update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

migrate temporal temporal
migrate temporal_visibility visibility
