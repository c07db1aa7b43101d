/** Job C: the model features of one ISO week, from the newest or a named version of `flows`. */
import { mkdir } from 'node:fs/promises';
import { FEATURE_SET_VERSION } from '../domain/traffic/features.js';
import { stageFiles } from './delta/stage.js';
import { flowsOfWeek, type DerivedWeek, type DeriveRequest } from './derived.js';
import { selectFeatures } from './feature-sql.js';
import { FLOW_FEATURES } from './tables.js';

/** Names the formulas; another version makes every week stale. */
export const FEATURES_COMPUTATION = `features@${FEATURE_SET_VERSION}`;

/** Stages `flow_features` of a week; `commitDerived` commits it. */
export async function buildFeatures(request: DeriveRequest): Promise<DerivedWeek> {
  const { snapshot, select, rows } = await flowsOfWeek(request);
  await mkdir(request.stagingDir, { recursive: true });
  const staged = await request.db.session(async (session) => {
    // read once: names and features come from the same rows, and the week's many small files are opened once
    await session.run(`CREATE TEMP TABLE week AS ${select}`);
    return stageFiles({
      session,
      schema: FLOW_FEATURES,
      select: await selectFeatures(session, 'SELECT * FROM week', request.stagingDir),
      orderBy: 'time_first, source_sha, source_row',
      stagingDir: request.stagingDir,
      expectedRows: rows,
    });
  });
  return {
    schema: FLOW_FEATURES,
    week: request.week,
    computation: FEATURES_COMPUTATION,
    flowsVersion: snapshot.version,
    rows,
    staged,
  };
}
