/** Plain rows as staged files of `flows`: one for each application and ISO week. */
import type { StagedFile } from '../delta/commit.js';
import { stagePartition } from '../delta/stage.js';
import { quote, type Session } from '../duckdb.js';
import { tagSource } from '../source-tags.js';
import type { FlowHeader } from '../sources/flow-columns.js';
import type { SourceFile } from '../sources/list-sources.js';
import { FLOWS } from '../tables.js';
import { missingColumns } from './flow-sql.js';
import type { PlainGroup } from './plain-rows.js';

/**
 * Writes the groups, each as one file; several at a time, one on each session.
 *
 * @param request.sessions of one DuckDB instance
 * @param request.groups rows of the file; they are only read
 */
export async function stagePlainRows(request: {
  readonly sessions: readonly Session[];
  readonly source: SourceFile;
  readonly header: FlowHeader;
  readonly groups: readonly PlainGroup[];
  readonly stagingDir: string;
}): Promise<StagedFile[]> {
  const { sessions, source, header, groups, stagingDir } = request;
  const constants = [
    ...missingColumns(header),
    `${quote(source.path)} AS source_file`,
    `${quote(source.sha256)} AS source_sha`,
  ].join(', ');
  const expectedRows = groups.reduce((sum, { rows }) => sum + rows, 0);
  const stage = (session: Session, group: PlainGroup): Promise<StagedFile[]> =>
    session.withRows(group, (relation) =>
      stagePartition({
        session,
        schema: FLOWS,
        select: `SELECT *, ${constants} FROM ${relation}`,
        partition: {
          iso_year: String(group.isoYear),
          iso_week: String(group.isoWeek),
          app: group.app,
        },
        stagingDir,
        expectedRows,
        tags: tagSource(source),
      }),
    );
  // the largest first, so that no session ends long after the other
  const queue = [...groups].sort((a, b) => b.rows - a.rows);
  const staged: StagedFile[][] = [];
  await Promise.all(
    sessions.map(async (session) => {
      for (let group = queue.shift(); group !== undefined; group = queue.shift())
        staged[groups.indexOf(group)] = await stage(session, group);
    }),
  );
  return staged.flat();
}
