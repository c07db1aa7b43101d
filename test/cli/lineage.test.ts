import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { lineageCommand } from '../../cli/commands/lineage.js';
import { writeRecord } from '../../cli/embedded/process-record.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { aTrainedHome, recordRun, registerModel } from '../activities/trained-home.js';
import { startMlflow } from '../models/registry/mlflow-server.js';
import { runCommand } from './run-command.js';

const lineage = (...args: string[]) => runCommand(lineageCommand, ...args);

let trained: Awaited<ReturnType<typeof aTrainedHome>>;
beforeEach(async () => {
  trained = await aTrainedHome();
  vi.stubEnv('SENTINEL_HOME', trained.home.root);
});

describe('sentinel lineage of a closed run', () => {
  beforeEach(() => recordRun(trained.home, trained.split));

  test('says plan, table versions, weeks and raw files, and needs no server', async () => {
    const text = await lineage('train/2022-W25');
    expect(text).toContain('run train/2022-W25, plan eeeeeeeeeeee, code 1.0.0\nmodels: app-cnn/4');
    expect(text).toMatch(/flows +1 +\S+Z +parse/);
    expect(text).toMatch(/flow_features +\d+ +\S+Z +train/);
    expect(text).toMatch(/2022-W23 +train +1 files +1 files @ \d+ +1 +2/);
    expect(text).toMatch(/monday\.csv +[0-9a-f]{12} +2/);
    expect(text).not.toContain('late.csv');
  });

  test('as JSON names every file', async () => {
    expect(await lineage('train/2022-W25', '--json')).toMatchObject({
      ...{ kind: 'run', dagRunId: 'train/2022-W25', models: ['app-cnn/4'] },
      tables: [{ table: 'flows', files: [expect.stringMatching(/\.parquet$/)] }, {}],
      splits: [{ weeks: [{ week: '2022-W23' }, { week: '2022-W24' }, { week: '2022-W25' }] }],
    });
  });

  test('an unknown run is refused', async () => {
    await expect(lineage('train/1999-W01')).rejects.toMatchObject({ code: 'HOME_NOT_RUNNING' });
  });
});

describe('sentinel lineage of a model version', () => {
  let server: Awaited<ReturnType<typeof startMlflow>>;
  beforeAll(async () => {
    server = await startMlflow();
  });
  afterAll(() => server.stop());

  test('asks the registry of the home, by number or alias', async () => {
    const mlflow = new MlflowClient({ baseUrl: server.baseUrl });
    const ports = { http: Number(new URL(server.baseUrl).port) };
    const { name, version, hash } = await registerModel(mlflow, trained.split);
    await mlflow.models.setAlias(name, 'champion', version);
    await expect(lineage(`${name}/champion`)).rejects.toMatchObject({ code: 'HOME_NOT_RUNNING' });
    await writeRecord(trained.layout.processes, { name: 'mlflow', pid: process.pid, ports });
    const text = await lineage(`${name}/champion`);
    expect(text).toContain(
      `${name} version ${version}, trained by train/2022-W25, plan ffffffffffff\nmembers: app-cnn (version 2, weight 1)\ntransformer: ${hash} of flow-statistics, fitted on 2 rows of 2022-W23`,
    );
    expect(text).toMatch(/third\.csv +[0-9a-f]{12} +2/);
    expect(await lineage(`${name}/${version}`)).toBe(text);
    expect(await lineage(`${name}/${version}`, '--json')).toMatchObject({
      ...{ kind: 'model', name, version, split: { train: ['2022-W23'] } },
      sources: [{ rows: 2 }, { rows: 2 }, { rows: 2 }],
    });
    await expect(lineage(`${name}/99`)).rejects.toMatchObject({ code: 'LINEAGE_UNKNOWN' });
  });
});
