/** What a registered version does not know in some weeks, as candidates for new services. */
import { PipelineError } from '../contracts/errors.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import {
  findEmergingServices,
  type EmergingService,
} from '../models/open-world/emerging-services.js';
import { openTransformer } from './jobs/open-model.js';
import { openVersion, type RegistryContext } from './compare-versions.js';
import { newNames, trainedNames, type WeekNames } from './jobs/count-names.js';

/** What an analyst reads. */
export interface EmergingReport {
  /** `NAME/VERSION`. */
  readonly model: string;
  readonly weeks: readonly {
    readonly week: string;
    readonly flows: number;
    /** Of all flows of the week, 0..1; 5 % of rightly answered ones are allowed. */
    readonly rejectedShare: number;
  }[];
  readonly services: readonly EmergingService[];
}

/**
 * Looks for new services in weeks, oldest first.
 *
 * @param id `NAME`, `NAME/VERSION` or `NAME@ALIAS` of a model that rejects
 * @throws PipelineError MODEL_REJECTS_NOTHING, MODEL_VERSION_UNKNOWN, MODEL_NO_CHAMPION
 */
export async function reportEmerging(
  context: RegistryContext,
  id: string,
  weeks: readonly string[],
): Promise<EmergingReport> {
  const db = await FeatureDb.open();
  const opened = await openVersion(context, id);
  try {
    if (opened.model.reject === undefined) {
      throw new PipelineError({
        code: 'MODEL_REJECTS_NOTHING',
        found: `${id} always answers`,
        expected: 'an ensemble that was fitted with a threshold',
        fix: 'train the ensemble again',
      });
    }
    const { tables: tablesRoot } = context.layout;
    const { train, validate } = opened.split;
    const known = await trainedNames({ db, tablesRoot }, [...train, ...validate]);
    const source = { db, tablesRoot, transformer: await openTransformer(opened.local) };
    const seen: WeekNames[] = [];
    for (const week of weeks) {
      context.progress(week);
      seen.push(await newNames(source, { model: opened.model, known }, week));
    }
    return {
      model: `${opened.version.name}/${opened.version.version}`,
      weeks: seen.map(({ names: { week, weekFlows }, rejected }) => ({
        ...{ week, flows: weekFlows, rejectedShare: rejected / Math.max(1, weekFlows) },
      })),
      services: findEmergingServices(seen.map(({ names }) => names)),
    };
  } finally {
    opened.model.dispose();
    db.close();
  }
}
