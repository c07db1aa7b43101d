/** Jobs B and C in a child: the tables that are computed from `flows`, some weeks at a time. */
import { join } from 'node:path';
import { aggregateTraffic } from '../../feature-store/aggregate.js';
import type { DerivedWeek, DeriveRequest } from '../../feature-store/derived.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { buildFeatures } from '../../feature-store/features.js';
import type { JobContext } from './index.js';

/** Hourly and daily sums of the weeks. */
export function aggregateTrafficJob(
  { weeks }: { weeks: readonly string[] },
  context: JobContext,
): Promise<DerivedWeek[]> {
  return forEachWeek(weeks, context, async (request) => {
    const { hourly, daily } = await aggregateTraffic(request);
    return [hourly, daily];
  });
}

/** Features of the flows of the weeks. */
export function buildFeaturesJob(
  { weeks }: { weeks: readonly string[] },
  context: JobContext,
): Promise<DerivedWeek[]> {
  return forEachWeek(weeks, context, async (request) => [await buildFeatures(request)]);
}

async function forEachWeek(
  weeks: readonly string[],
  { layout, stagingDir, threads, progress }: JobContext,
  derive: (request: DeriveRequest) => Promise<DerivedWeek[]>,
): Promise<DerivedWeek[]> {
  const db = await FeatureDb.open({ threads, tempDirectory: `${stagingDir}/spill` });
  try {
    const derived: DerivedWeek[] = [];
    for (const week of weeks) {
      progress(week);
      const request = { db, tablesRoot: layout.tables, week, stagingDir: join(stagingDir, week) };
      derived.push(...(await derive(request)));
    }
    return derived;
  } finally {
    db.close();
  }
}
