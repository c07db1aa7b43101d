/** A small partitioned table for the tests of the Delta log. */
import path from 'node:path';
import { commitTable, type StagedFile } from '../../feature-store/delta/commit.js';
import type { TableSchema } from '../../feature-store/delta/schema.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import type { StoreHome } from './store-builders.js';

export const THINGS: TableSchema = {
  name: 'things',
  columns: [
    { name: 'kind', type: 'string' },
    { name: 'n', type: 'long' },
    { name: 'at', type: 'timestamp' },
    { name: 'note', type: 'string' },
  ],
  partitionColumns: ['kind'],
  statsColumns: ['n', 'at', 'note'],
};

export const thingsFolder = (home: StoreHome): string => path.join(home.tablesRoot, THINGS.name);

/** Rows `('kind', n), …` as staged files, one a kind. */
export function stageThings(
  home: StoreHome,
  values: string,
  { tags = {}, schema = THINGS }: { tags?: Record<string, string>; schema?: TableSchema } = {},
): Promise<StagedFile[]> {
  return home.db.session((session) =>
    stageFiles({
      session,
      schema,
      select: `SELECT kind, n, TIMESTAMPTZ '2022-06-06 10:00:00.123456Z' AS at, 'x' AS note, NULL AS extra FROM (VALUES ${values}) AS v(kind, n)`,
      orderBy: 'kind, n',
      stagingDir: home.staging(),
      tags,
    }),
  );
}

/** Commits rows `('kind', n), …`. */
export const commitThings = async (
  home: StoreHome,
  values: string,
  more: Partial<Parameters<typeof commitTable>[0]> = {},
) =>
  commitTable({
    table: thingsFolder(home),
    schema: THINGS,
    adds: await stageThings(home, values),
    ...more,
  });
