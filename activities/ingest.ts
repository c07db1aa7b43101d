/** Raw files into `flows`, and the tables computed from it. */
import { basename } from 'node:path';
import { Context } from '@temporalio/activity';
import { PipelineError } from '../contracts/errors.js';
import type { Tasks } from '../contracts/schemas/tasks.js';
import { commitDerived, type DerivedWeek } from '../feature-store/derived.js';
import { readSnapshot } from '../feature-store/delta/snapshot.js';
import { commitParsed, findIngested } from '../feature-store/ingest/commit-parsed.js';
import { statsFaults } from '../feature-store/ingest/day-stats.js';
import { requireFewRejected } from '../feature-store/ingest/rejected-limit.js';
import { readMapping } from '../feature-store/sources/flow-mapping.js';
import { listSources, type SourceFile } from '../feature-store/sources/list-sources.js';
import { fetchRemoteSources } from '../feature-store/sources/remote-sources.js';
import { staleWeeks } from '../feature-store/stale-weeks.js';
import { FLOWS, tableFolder } from '../feature-store/tables.js';
import type { TaskCodes } from './checked.js';
import type { ActivityDependencies } from './index.js';
import { cancellable } from './heartbeats.js';
import { taskKey } from './compute.js';

type ParsedFile = Tasks['parseFlows']['output'];

/** Rows of the weeks that one task computes at a time, unless one week alone has more. */
const ROWS_PER_BATCH = 200_000;

/** The tasks of the `ingest` DAG; rows are committed here, never in a child. */
export function ingestTasks({ layout, compute }: ActivityDependencies) {
  const { tables: tablesRoot } = layout;

  async function commitWeeks(derived: readonly DerivedWeek[]): Promise<Map<string, number>> {
    const versions = new Map<string, number>();
    for (const week of derived) {
      const { version } = await commitDerived({
        tablesRoot,
        derived: week,
        info: { task: taskKey() },
      });
      versions.set(week.schema.name, version);
    }
    return versions;
  }

  const versionOf = (versions: ReadonlyMap<string, number>, table: string) => ({
    table,
    version: versions.get(table) ?? 0,
  });

  return {
    noop: async ({ value }) => ({ value }),

    listSources: async ({ inputs, mapping: file }) => {
      const mapping = file === '' ? undefined : await readMapping(file);
      const paths = await cancellable('fetching remote inputs', () =>
        fetchRemoteSources(inputs, layout.remoteSources, {
          signal: Context.current().cancellationSignal,
        }),
      );
      const { flows, ignored, faults } = await cancellable('reading headers', () =>
        listSources(paths, mapping),
      );
      return {
        mapping: mapping ?? null,
        files: flows.map((file) => ({
          ...file,
          unknownColumns: [...file.unknownColumns],
          name: basename(file.path),
        })),
        ignored: [...ignored],
        faults: [...faults],
      };
    },

    /** A file goes in whole or not at all; a file that cannot be read is a fault of the data, not of the run. */
    parseFlows: async ({ file, mapping, maxRejected }): Promise<ParsedFile> => {
      const known = await findIngested(tablesRoot, file);
      if (known !== undefined) return parsedFile(file, known, await flowsVersion(tablesRoot));
      try {
        return await compute(
          'parseFlows',
          { source: file, ...(mapping && { mapping }) },
          async ({ output: parsed }) => {
            requireFewRejected(parsed, maxRejected);
            const { version } = await commitParsed({
              tablesRoot,
              parsed,
              info: { task: taskKey() },
            });
            return parsedFile(file, parsed, { table: FLOWS.name, version });
          },
        );
      } catch (error) {
        if (!(error instanceof PipelineError) || !error.code.startsWith('FLOW_')) throw error;
        const nothing = { rowsRead: 0, rowsStored: 0, rowsRejected: 0, flows: null };
        return { file: file.path, ...nothing, faults: [error.fault] };
      }
    },

    findStaleWeeks: async () => {
      const batches: { weeks: string[]; rows: number }[] = [];
      for (const { week, rows } of await staleWeeks(tablesRoot)) {
        const last = batches.at(-1);
        if (last !== undefined && last.rows + rows <= ROWS_PER_BATCH) {
          last.weeks.push(week);
          last.rows += rows;
        } else batches.push({ weeks: [week], rows });
      }
      return { batches: batches.map(({ weeks }) => ({ weeks, label: labelOf(weeks) })) };
    },

    aggregateTraffic: ({ weeks }) =>
      compute('aggregateTraffic', { weeks }, async ({ output }) => {
        const versions = await commitWeeks(output);
        return {
          hourly: versionOf(versions, 'traffic_hourly'),
          daily: versionOf(versions, 'traffic_daily'),
        };
      }),

    buildFeatures: ({ weeks }) =>
      compute('buildFeatures', { weeks }, async ({ output }) => ({
        features: versionOf(await commitWeeks(output), 'flow_features'),
        rows: output.reduce((rows, week) => rows + week.rows, 0),
      })),

    compactWeeks: () =>
      compute('compactWeeks', {}, ({ output: { filesBefore, filesAfter, skipped } }) =>
        Promise.resolve({ filesBefore, filesAfter, skipped }),
      ),
  } satisfies Partial<TaskCodes>;
}

function labelOf(weeks: readonly string[]): string {
  return weeks.length === 1
    ? weeks.join()
    : `${weeks[0]} .. ${weeks.at(-1)} (${weeks.length} weeks)`;
}

async function parsedFile(
  { path: file }: SourceFile,
  summary: NonNullable<Awaited<ReturnType<typeof findIngested>>>,
  flows: ParsedFile['flows'],
): Promise<ParsedFile> {
  const { rowsRead, rowsStored, rowsRejected, faults } = summary;
  const differing = await statsFaults(file, summary);
  return { file, rowsRead, rowsStored, rowsRejected, faults: [...differing, ...faults], flows };
}

async function flowsVersion(tablesRoot: string): Promise<ParsedFile['flows']> {
  const snapshot = await readSnapshot(tableFolder(tablesRoot, FLOWS.name));
  return snapshot === undefined ? null : { table: FLOWS.name, version: snapshot.version };
}
