/** Job C: the model features of one ISO week, from the newest or a named version of `flows`. */
import { mkdir } from 'node:fs/promises';
import { FEATURE_SET_VERSION } from '../domain/traffic/features.js';
import type { FileStats } from './delta/actions.js';
import type { StagedFile } from './delta/commit.js';
import { scanSnapshot } from './delta/scan.js';
import type { LiveFile } from './delta/snapshot.js';
import { stagePartition } from './delta/stage.js';
import { flowsOfWeek, isInWeek, type DerivedWeek, type DeriveRequest } from './derived.js';
import type { Session } from './duckdb.js';
import { selectFeatures } from './feature-sql.js';
import { FLOW_FEATURES, parseIsoWeek } from './tables.js';

/** Names the formulas; another version makes every week stale. */
export const FEATURES_COMPUTATION = `features@${FEATURE_SET_VERSION}`;

/** About how many rows are sorted at a time, and lie in one file: their packets make them 1.2 kB each. */
const ROWS_PER_FILE = 100_000;

/** Stages `flow_features` of a week, span of time by span of time; `commitDerived` commits it. */
export async function buildFeatures(request: DeriveRequest): Promise<DerivedWeek> {
  const { db, week, stagingDir } = request;
  const { snapshot, select, rows } = await flowsOfWeek(request);
  const { isoYear, isoWeek } = parseIsoWeek(week)!; // `flowsOfWeek` has checked it
  const ofWeek = isInWeek(week);
  await mkdir(stagingDir, { recursive: true });
  const spans = await db.session((session) =>
    spansOf(session, select, Math.ceil(rows / ROWS_PER_FILE)),
  );
  const staged: StagedFile[] = [];
  for (const span of spans) {
    const files = scanSnapshot(snapshot, (file) => ofWeek(file) && mayHold(file, span));
    const written = await db.session(async (session) => {
      const flows = `SELECT * FROM (${files}) WHERE ${inSpan(span)}`;
      const features = await selectFeatures(session, flows, stagingDir);
      return stagePartition({
        ...{ session, schema: FLOW_FEATURES, stagingDir, expectedRows: rows },
        select: `FROM (${features}) ORDER BY time_first, source_sha, source_row`,
        partition: { iso_year: String(isoYear), iso_week: String(isoWeek) },
      });
    });
    staged.push(...written);
  }
  return {
    schema: FLOW_FEATURES,
    week,
    computation: FEATURES_COMPUTATION,
    flowsVersion: snapshot.version,
    rows,
    staged,
  };
}

/** From `fromMs` to before `toMs`, ms since 1970; either may be infinite. */
interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Cuts the rows into `count` spans of about as many rows each, oldest first, at whole seconds. */
async function spansOf(session: Session, rows: string, count: number): Promise<Span[]> {
  const shares = Array.from({ length: count - 1 }, (_, i) => (i + 1) / count);
  const found =
    count <= 1
      ? []
      : await session.rows<{ second: number }>(
          `SELECT DISTINCT unnest(quantile_disc(epoch_us(time_first), [${shares.join(', ')}])) // 1000000 AS second
           FROM (${rows}) ORDER BY second`,
        );
  const cuts = [-Infinity, ...found.map(({ second }) => second * 1000), Infinity];
  return cuts.slice(1).map((toMs, i) => ({ fromMs: cuts[i] ?? -Infinity, toMs }));
}

function inSpan({ fromMs, toMs }: Span): string {
  const instant = (ms: number): string => `TIMESTAMPTZ '${new Date(ms).toISOString()}'`;
  return [
    'true',
    ...(fromMs === -Infinity ? [] : [`time_first >= ${instant(fromMs)}`]),
    ...(toMs === Infinity ? [] : [`time_first < ${instant(toMs)}`]),
  ].join(' AND ');
}

/** False for a file whose statistics in the log say that it has no row of the span: it is not opened. */
function mayHold({ add }: LiveFile, { fromMs, toMs }: Span): boolean {
  const { minValues, maxValues } = JSON.parse(add.stats ?? '{}') as Partial<FileStats>; // Delta's own form
  const [min, max] = [minValues?.['time_first'], maxValues?.['time_first']];
  if (typeof min !== 'string' || typeof max !== 'string') return true;
  return Date.parse(min) < toMs && Date.parse(max) >= fromMs;
}
