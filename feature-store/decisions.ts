/** The decision log of the lifecycles, newest first. */
import type { JsonObject } from '../contracts/json.js';
import { quote } from './duckdb.js';
import { DECISIONS } from './engine-tables.js';
import { queryIfPresent } from './query-tables.js';

/** One line of the log. */
export interface LoggedDecision {
  readonly model: string;
  /** The window of flows that it is about. */
  readonly partition: string;
  readonly kind: string;
  readonly reason: string;
  /** What it rests on. */
  readonly evidence: JsonObject;
  readonly decidedAt: string;
}

/** Which lines are wanted. */
export interface DecisionFilter {
  readonly model?: string;
  readonly partition?: string;
  readonly limit: number;
}

/** Reads the log; a home without decisions has none. */
export async function readDecisions(
  tablesRoot: string,
  { model, partition, limit }: DecisionFilter,
): Promise<LoggedDecision[]> {
  const conditions = [
    'true',
    ...(model === undefined ? [] : [`model = ${quote(model)}`]),
    ...(partition === undefined ? [] : [`partition = ${quote(partition)}`]),
  ];
  const rows = await queryIfPresent(
    tablesRoot,
    DECISIONS.name,
    `SELECT model, partition, kind, reason, evidence, decided_at FROM decisions
     WHERE ${conditions.join(' AND ')} ORDER BY decided_at DESC, key DESC LIMIT ${limit}`,
  );
  return rows.map((row) => ({
    ...{ model: String(row['model']), partition: String(row['partition']) },
    ...{ kind: String(row['kind']), reason: String(row['reason']) },
    evidence: JSON.parse(String(row['evidence'])) as JsonObject, // an object when it was written
    decidedAt: (row['decided_at'] as Date).toISOString(), // a timestamp column
  }));
}
