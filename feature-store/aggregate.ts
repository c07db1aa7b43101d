/** Job B: traffic per hour and per day of one ISO week, for capacity work and forecasts. */
import { stageFiles } from './delta/stage.js';
import type { TableSchema } from './delta/schema.js';
import { flowsOfWeek, type DerivedWeek, type DeriveRequest } from './derived.js';
import { TRAFFIC_DAILY, TRAFFIC_HOURLY } from './tables.js';

/** Names of the two computations, and the table of each. */
export const AGGREGATE_COMPUTATIONS = [TRAFFIC_HOURLY, TRAFFIC_DAILY].map((schema) => ({
  name: computationOf(schema),
  table: schema.name,
}));

/** Stages both traffic tables of a week from one version of `flows`; `commitDerived` commits each. */
export async function aggregateTraffic(
  request: DeriveRequest,
): Promise<{ hourly: DerivedWeek; daily: DerivedWeek }> {
  return {
    hourly: await aggregate(request, TRAFFIC_HOURLY, 'hour'),
    daily: await aggregate(request, TRAFFIC_DAILY, 'day'),
  };
}

async function aggregate(
  request: DeriveRequest,
  schema: TableSchema,
  unit: 'hour' | 'day',
): Promise<DerivedWeek> {
  const { snapshot, select } = await flowsOfWeek(request);
  const staged = await request.db.session((session) =>
    stageFiles({
      session,
      schema,
      select: `SELECT iso_year, iso_week, date_trunc('${unit}', time_first) AS ${unit}, app, category, dst_asn,
          count(*) AS flows, ${SUMS} FROM (${select}) GROUP BY ALL`,
      orderBy: `${unit}, app, category, dst_asn`,
      stagingDir: request.stagingDir,
    }),
  );
  return {
    schema,
    week: request.week,
    computation: computationOf(schema),
    flowsVersion: snapshot.version,
    rows: staged.reduce((rows, file) => rows + file.stats.numRecords, 0),
    staged,
  };
}

const MAX_LONG = '9223372036854775807';

// absurd values that each are allowed may sum to more than a long: the week is computed all the same
const SUMS = ['bytes', 'bytes_rev', 'packets', 'packets_rev']
  .map((column) => `least(sum(${column}), ${MAX_LONG})::BIGINT AS ${column}`)
  .join(', ');

function computationOf(schema: TableSchema): string {
  return `aggregate/${schema.name}`;
}
