/** A training set as files: Parquet a part, and the record that lets anyone make it again. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { FeatureDb, quote } from './duckdb.js';
import { TRAINING_PARTS } from './select-rows.js';
import { trainingSet, type TrainingSetRecord, type TrainingTablesRequest } from './training-set.js';
import { saveTransformer } from './transformer-store.js';

/**
 * Writes `train.parquet`, `validate.parquet`, `test.parquet` and `training-set.json`, and keeps the transformer.
 *
 * @param outDir folder, made when needed
 * @param transformers absolute folder of the kept transformers
 * @throws PipelineError as `trainingSet`
 */
export async function exportTrainingSet(
  request: TrainingTablesRequest,
  outDir: string,
  transformers: string,
): Promise<TrainingSetRecord> {
  const db = await FeatureDb.open();
  try {
    return await db.session(async (session) => {
      const { record, transformer, select } = await trainingSet(session, request);
      await mkdir(outDir, { recursive: true });
      for (const part of TRAINING_PARTS) {
        const file = path.join(outDir, `${part}.parquet`);
        await session.run(`COPY (${select[part]}) TO ${quote(file)} (FORMAT parquet)`);
      }
      await saveTransformer(transformers, transformer);
      const file = path.join(outDir, 'training-set.json');
      await writeFile(file, `${JSON.stringify(record, null, 2)}\n`);
      return record;
    });
  } finally {
    db.close();
  }
}
