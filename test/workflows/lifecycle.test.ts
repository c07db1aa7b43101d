import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { CHAMPION } from '../../activities/model-store.js';
import { askLifecycle, lifecycleStatus } from '../../activities/steer-lifecycle.js';
import { lifecycleCommand } from '../../cli/commands/lifecycle.js';
import { modelsCommand } from '../../cli/commands/models.js';
import { writeRecord } from '../../cli/embedded/process-record.js';
import { PipelineError } from '../../contracts/errors.js';
import { DEFAULT_POLICY, type LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import {
  lifecycleId,
  OUTCOME_QUERY,
  WINDOW_SIGNAL,
  type Answer,
  type Asked,
  type GateEvidence,
  type LifecycleStatus,
  type Outcome,
  type WindowReport,
} from '../../contracts/lifecycle.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import { writeModelFolder } from '../../models/model-folder.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { runCommand } from '../cli/run-command.js';
import { startMlflow } from '../models/registry/mlflow-server.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const DAY_MS = 86_400_000;

const WON: GateEvidence = {
  ...{ heldOutRows: 2000, championF1: 0.61, challengerF1: 0.78 },
  ...{ gain: { lower: 0.1, upper: 0.2 }, classes: [], eceRise: 0, latencyRatio: 1 },
};

/** Stands in the place of the retraining: the comparison it ends with is given, the rest is real. */
const retrain = dag('retrain', { params: { preset: {}, retraining: {} } }, (d) => {
  d.task('compare', act.noop, { input: { value: 0 } });
  return {
    ...{ preset: d.params.preset, retraining: d.params.retraining },
    ...{ championVersion: '1', challengerVersion: '2' },
    gate: { ...WON },
  };
});

let engine: EngineEnvironment;
let registry: { baseUrl: string; stop: () => Promise<void> };
let mlflow: MlflowClient;
let models = 0;
let model: string;
/** What the retraining does before it hands its comparison over. */
let retraining: () => Promise<void>;

beforeAll(async () => {
  registry = await startMlflow();
  mlflow = new MlflowClient({ baseUrl: registry.baseUrl });
  engine = await startEngine({
    dags: [retrain],
    mlflowUrl: registry.baseUrl,
    firstWorkflows: new URL('lifecycle-of-060.ts', import.meta.url).pathname,
    noop: async ({ value }) => {
      await retraining();
      return { value };
    },
  });
  retraining = async () => undefined;
  model = 'before-loop';
  await register(2);
  await startBeforeLoop();
  await engine.restartWorkers();
}, 90_000);
afterAll(async () => {
  await engine.stop();
  await registry.stop();
});
beforeEach(async () => {
  model = `model-${++models}`;
  retraining = async () => undefined;
  await register(3);
});

test('a lifecycle that an earlier release started is moved on by the next window', async () => {
  model = 'before-loop';
  expect(await signalWindow(aWindow(1))).toMatchObject({ kind: 'noted' });
  expect(await status()).toMatchObject({ phase: 'idle', serving: '1', toScore: ['1'] });
});

describe('a challenger', () => {
  test('of a schema break that wins the gate serves at once, and is watched', async () => {
    expect(await signalWindow(aWindow(1, { data_quality: 3 }))).toEqual({
      kind: 'promoted',
      reason: 'version 2 serves',
    });
    expect(await serving()).toBe('2');
    expect(await status()).toMatchObject({ previous: '1', toScore: ['2', '1'] });
    expect(await kinds()).toEqual(['retrain', 'promote', 'promoted']);
  });

  test('that was better on old flows alone is promoted after its shadow', async () => {
    expect(await signalWindow(aWindow(1, { error_rise: 3 }))).toMatchObject({ kind: 'shadow' });
    expect(await status()).toMatchObject({ phase: 'shadow', challenger: '2', toScore: ['1', '2'] });
    expect(await serving()).toBe('1');
    const scores = { 1: 0.8, 2: 0.85 };
    expect(await signalWindow(aWindow(2, {}, { scores }))).toMatchObject({ kind: 'promoted' });
    expect(await serving()).toBe('2');
  });

  test('that loses the gate leaves the champion, and every step is a decision', async () => {
    const gate = { ...DEFAULT_POLICY.gate, minHeldOutRows: 9000 };
    const outcome = await signalWindow(aWindow(1, { error_rise: 3 }), { gate });
    expect(outcome.kind).toBe('keep');
    expect(outcome.reason).toMatch(/champion stays.*2000 held-out rows, 9000 are needed/);
    expect(await serving()).toBe('1');
    expect(await decisions()).toMatchObject([
      { kind: 'retrain', partition: '2022-06-01' },
      { kind: 'keep', partition: '2022-06-01' },
    ]);
  });

  test('that is worse than the one before while it is watched is taken back', async () => {
    await signalWindow(aWindow(1, { data_quality: 3 }));
    const scores = { 1: 0.8, 2: 0.7 };
    expect(await signalWindow(aWindow(2, {}, { version: '2', scores }))).toMatchObject({
      kind: 'rolled_back',
    });
    expect(await serving()).toBe('1');
  });

  test('whose approval expires leaves the champion', async () => {
    const second = 1 / 3600;
    expect(
      await signalWindow(aWindow(1, { error_rise: 3 }), { approvalHours: second }),
    ).toMatchObject({ kind: 'approval' });
    await vi.waitFor(async () => expect(await kinds()).toContain('keep'), 10_000);
    expect((await decisions()).at(-1)).toMatchObject({
      reason: 'challenger 2: nobody approved it in time',
    });
    expect(await serving()).toBe('1');
  });

  test('that a person approves goes on into its shadow', async () => {
    await signalWindow(aWindow(1, { error_rise: 3 }), { approvalHours: 24 });
    expect(await ask({ kind: 'approve', version: '9', by: 'ana' })).toEqual([]);
    expect(await ask({ kind: 'approve', version: '2', by: 'ana' })).toMatchObject([
      { kind: 'shadow', reason: expect.stringMatching(/^approved by ana/) as string },
    ]);
  });
});

test('a retraining that fails is tried three times, then the champion stays', async () => {
  let tries = 0;
  retraining = async () => {
    tries += 1;
    throw new PipelineError({ code: 'TRAINING_TOO_FEW_ROWS', found: '3 rows', fix: 'wait' });
  };
  const { kind, reason } = await signalWindow(aWindow(1, { error_rise: 3 }));
  expect(kind).toBe('failed');
  expect(reason).toMatch(/try 3 of 3 failed: .*TRAINING_TOO_FEW_ROWS: 3 rows/);
  expect(tries).toBe(3);
  expect(await kinds()).toEqual(['retrain', 'retried', 'retried', 'failed']);
});

test('the same report twice counts once', async () => {
  const window = aWindow(1, { data_quality: 3 });
  await signalWindow(window);
  expect(await signalWindow(window)).toMatchObject({ kind: 'promoted' });
  expect(await kinds()).toEqual(['retrain', 'promote', 'promoted']);
});

test('a report on an earlier window changes nothing', async () => {
  await signalWindow(aWindow(3));
  expect(await signalWindow(aWindow(2, { data_quality: 3 }))).toEqual({
    kind: 'noted',
    reason: 'it came after a later window had been judged',
  });
});

test('a report that comes during a retraining waits until that has ended', async () => {
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  retraining = () => finished;
  await send(aWindow(1, { data_quality: 3 }));
  await send(aWindow(2, { data_quality: 3 }));
  await vi.waitFor(async () => expect(await kinds()).toEqual(['retrain', 'held']), 10_000);
  expect(await outcomeOf(aWindow(2))).toBeNull();
  finish();
  await vi.waitFor(async () => {
    expect(await outcomeOf(aWindow(2))).toMatchObject({ kind: 'promoted' });
  }, 10_000);
});

describe('a person', () => {
  test('promotes a version and rolls it back, before any window was judged', async () => {
    expect(await ask({ kind: 'promote', version: '3', by: 'ana' })).toMatchObject([
      { kind: 'promote', reason: 'asked by ana' },
    ]);
    await vi.waitFor(async () => expect(await kinds()).toEqual(['promote', 'promoted']), 10_000);
    expect(await serving()).toBe('3');
    await ask({ kind: 'rollback', by: 'ana' });
    await vi.waitFor(async () => expect((await kinds()).at(-1)).toBe('rolled_back'), 10_000);
    expect(await serving()).toBe('1');
  });

  test('is told that a version does not exist, and the champion stays', async () => {
    await ask({ kind: 'promote', version: '9', by: 'ana' });
    await vi.waitFor(async () => expect(await kinds()).toEqual(['promote', 'failed']), 10_000);
    expect((await decisions()).at(-1)?.['reason']).toMatch(/MODEL_VERSION_UNKNOWN/);
    expect(await serving()).toBe('1');
  });

  test('pauses the loop, and an alarm waits until it goes on', async () => {
    await ask({ kind: 'pause', by: 'ana' });
    expect(await signalWindow(aWindow(1, { data_quality: 3 }))).toMatchObject({
      kind: 'held',
      reason: expect.stringMatching(/the loop is paused$/) as string,
    });
    await ask({ kind: 'resume', by: 'ana' });
    await vi.waitFor(async () => expect(await serving()).toBe('2'), 10_000);
  });

  test('who moved the alias in the registry is followed', async () => {
    await signalWindow(aWindow(1));
    await mlflow.models.setAlias(model, CHAMPION, '3');
    expect(await signalWindow(aWindow(2, {}, { version: '3' }))).toMatchObject({ kind: 'moved' });
    expect(await status()).toMatchObject({ serving: '3', previous: '1' });
  });
});

describe('the command line', () => {
  const steer = (...args: string[]) => runCommand(lifecycleCommand, ...args, model, '--json');
  const models = (...args: string[]) => runCommand(modelsCommand, ...args, '--json');
  beforeAll(async () => {
    const { layout, server } = engine;
    vi.stubEnv('SENTINEL_HOME', layout.home);
    vi.stubEnv('TEMPORAL_ADDRESS', server.address);
    const ports = { http: Number(new URL(registry.baseUrl).port) };
    await writeRecord(layout.processes, { name: 'mlflow', pid: process.pid, ports });
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    process.exitCode = 0;
  });

  test('promotes and rolls back, and tells how it ended', async () => {
    expect(await models('promote', `${model}/3`)).toMatchObject({
      decisions: [{ kind: 'promote' }, { kind: 'promoted', reason: 'version 3 serves' }],
    });
    expect(await steer('show')).toMatchObject({
      model,
      phase: 'idle',
      serving: '3',
      previous: '1',
    });
    expect(await models('rollback', model)).toMatchObject({
      decisions: [{ kind: 'roll_back' }, { kind: 'rolled_back' }],
    });
    expect(process.exitCode ?? 0).toBe(0);
    expect(await models('rollback', model)).toMatchObject({ decisions: [{ kind: 'refused' }] });
    expect(process.exitCode).toBe(1);
    await expect(models('promote', `${model}/9`)).rejects.toThrow(/MODEL_VERSION_UNKNOWN/);
  });

  test('pauses and goes on, answers approvals, and says when there is none', async () => {
    await signalWindow(aWindow(1, { error_rise: 3 }), { approvalHours: 24 });
    expect(await steer('pause')).toMatchObject({ decisions: [{ kind: 'paused' }] });
    expect(await steer('pause')).toMatchObject({ decisions: [] });
    expect(await steer('resume')).toMatchObject({ decisions: [{ kind: 'resumed' }] });
    expect(await steer('refuse')).toMatchObject({ decisions: [{ kind: 'keep' }] });
    await expect(steer('approve')).rejects.toThrow(/no challenger .* waits for approval/);
    expect(await steer('retrain')).toMatchObject({ decisions: [{ kind: 'retrain' }] });
  });

  test('sets the policy of a model, and takes it back', async () => {
    const file = join(engine.layout.home, 'mine.json');
    await writeFile(file, JSON.stringify({ attempts: 7 }));
    expect(await steer('policy', '--set', file)).toMatchObject({ attempts: 7, frozen: [] });
    expect(await steer('policy')).toMatchObject({ attempts: 7 });
    expect(await steer('policy', '--unset')).toEqual(DEFAULT_POLICY);
    await writeFile(file, JSON.stringify({ atempts: 7 }));
    await expect(steer('policy', '--set', file)).rejects.toThrow(/POLICY_INVALID.*atempts/);
  });

  test('says of a model without windows that nothing was decided', async () => {
    await expect(steer('show')).rejects.toThrow(/LIFECYCLE_UNKNOWN/);
  });
});

test('a version whose files are not there is not promoted', async () => {
  const { runId = '', source } = (await mlflow.models.getVersion(model, '3'))!; // registered above
  const damaged = { name: model, runId, key: `${model}/damaged`, source: `${source}/nowhere` };
  const { version } = await mlflow.models.ensureModelVersion(damaged);
  await ask({ kind: 'promote', version, by: 'ana' });
  await vi.waitFor(async () => expect(await kinds()).toEqual(['promote', 'failed']), 10_000);
  expect(await serving()).toBe('1');
});

test('the retraining is told where its flows end, and where a break begins', async () => {
  await signalWindow(aWindow(1, { data_quality: 3 }));
  const run = engine.server.client.workflow.getHandle('retrain/2022-W22');
  const { endMs, startMs } = aWindow(1);
  expect(await run.result()).toMatchObject({
    preset: { name: 'of the report' },
    retraining: { endMs, notBeforeMs: startMs, afterSchemaBreak: true },
  });
});

test('the Temporal UI shows what serves and the decisions', async () => {
  await signalWindow(aWindow(1));
  const { currentDetails } = await handle().query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  expect(currentDetails).toMatch(
    /^phase: \*\*idle\*\*, serves: version 1\n[^]*\| noted \| no alarm/,
  );
});

/** Registers that many versions, of which the first serves. */
async function register(versions: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-lifecycle-'));
  await writeModelFolder(
    folder,
    {
      ...{ kind: 'xgboost', format: 1, classes: ['a', 'b'], featureNames: [], preset: 'test' },
      ...{ seed: 1, libraries: {}, settings: {}, scaling: null, booster: 'b', packets: true },
      createdAt: '2022-06-01T00:00:00.000Z',
    },
    [],
  );
  for (let version = 1; version <= versions; version++) {
    const key = `${model}/${version}`;
    const run = await mlflow.runs.ensureRun({ experiment: 'lifecycle', key, name: key });
    const source = `${run.artifactUri}/model`;
    await mlflow.artifacts.uploadFolder(folder, source);
    await mlflow.models.ensureModelVersion({ name: model, runId: run.runId, key, source });
  }
  await rm(folder, { recursive: true });
  await mlflow.models.setAlias(model, CHAMPION, '1');
}

/** Day `d` of June, with readings against a threshold of 1. */
function aWindow(
  d: number,
  values: Readonly<Record<string, number>> = {},
  {
    scores = {},
    version = '1',
  }: { scores?: Readonly<Record<string, number>>; version?: string } = {},
): WindowReport {
  const startMs = Date.UTC(2022, 5, d);
  const partition = new Date(startMs).toISOString().slice(0, 10);
  return {
    ...{ reportHash: `${model} ${partition}`, partition, length: 'day', version, causes: [] },
    ...{ startMs, endMs: startMs + DAY_MS, rows: 5000, judgedClasses: 10 },
    readings: Object.entries(values).map(([signal, value]) => ({
      ...{ signal, value, threshold: 1, calm: 0.8 },
    })),
    scores: Object.entries(scores).map(([of, weightedF1]) => ({ version: of, weightedF1 })),
    ...{ policy: DEFAULT_POLICY, preset: { name: 'of the report' } },
  };
}

/** As the monitor does it: signal-with-start. */
async function send(window: WindowReport, policy: Partial<LifecyclePolicy> = {}): Promise<void> {
  await engine.server.client.workflow.signalWithStart('lifecycle', {
    ...{ workflowId: lifecycleId(model), taskQueue: 'control', args: [{ model }] },
    ...{
      signal: WINDOW_SIGNAL,
      signalArgs: [{ ...window, policy: { ...DEFAULT_POLICY, ...policy } }],
    },
  });
}

/** What a window led to. */
async function signalWindow(
  window: WindowReport,
  policy: Partial<LifecyclePolicy> = {},
): Promise<Outcome> {
  await send(window, policy);
  return vi.waitFor(
    async () => {
      const outcome = await outcomeOf(window);
      if (outcome === null) throw new Error('not decided yet');
      return outcome;
    },
    { timeout: 20_000, interval: 50 },
  );
}

function outcomeOf({ reportHash }: WindowReport): Promise<Outcome | null> {
  return handle().query<Outcome | null, [string]>(OUTCOME_QUERY, reportHash);
}

async function ask(asked: Asked): Promise<Answer['decisions']> {
  return (await askLifecycle(engine.server.client, model, asked)).decisions;
}

function handle(): WorkflowHandle {
  return engine.server.client.workflow.getHandle(lifecycleId(model));
}

function status(): Promise<LifecycleStatus | undefined> {
  return lifecycleStatus(engine.server.client, model);
}

async function serving(): Promise<string | undefined> {
  return (await mlflow.models.getByAlias(model, CHAMPION))?.version;
}

/** Without the windows that were only noted. */
async function decisions(): Promise<readonly Record<string, unknown>[]> {
  return engine.rows(
    `SELECT * FROM decisions WHERE model = '${model}' AND kind <> 'noted' ORDER BY decided_at, key`,
  );
}

async function kinds(): Promise<unknown[]> {
  return (await decisions()).map((row) => row['kind']);
}

/** A lifecycle as release 0.6 leaves it: idle. */
async function startBeforeLoop(): Promise<void> {
  await engine.server.client.workflow.start('lifecycle', {
    ...{ workflowId: lifecycleId(model), taskQueue: 'control', args: [{ model }] },
  });
  await vi.waitFor(async () => {
    const { events } = await handle().fetchHistory();
    expect(events?.some((event) => event.workflowTaskCompletedEventAttributes)).toBe(true);
  }, 10_000);
}
