/** Every table that this program writes, by name. */
import type { TableSchema } from './delta/schema.js';
import {
  BACKFILLS,
  DECISIONS,
  DRIFT_SCORES,
  PREDICTIONS,
  RUNS,
  TASK_RUNS,
} from './engine-tables.js';
import { FLOW_FEATURES, FLOWS, FLOWS_REJECTED, TRAFFIC_DAILY, TRAFFIC_HOURLY } from './tables.js';

const SCHEMAS: readonly TableSchema[] = [
  ...[FLOWS, FLOWS_REJECTED, TRAFFIC_HOURLY, TRAFFIC_DAILY, FLOW_FEATURES],
  ...[PREDICTIONS, DRIFT_SCORES, DECISIONS, RUNS, TASK_RUNS, BACKFILLS],
];

/** The schema of a table; undefined for a table of another program. */
export function schemaOf(name: string): TableSchema | undefined {
  return SCHEMAS.find((schema) => schema.name === name);
}
