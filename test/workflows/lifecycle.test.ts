import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { WorkflowHandle } from '@temporalio/client';
import { PipelineError } from '../../contracts/errors.js';
import {
  DRIFT_SIGNAL,
  lifecycleId,
  OUTCOME_QUERY,
  type DriftReport,
  type Outcome,
} from '../../contracts/lifecycle.js';
import { preset as presetSchema, type DriftScore } from '../../contracts/schemas/values.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import demo from '../../pipelines/presets/demo.json' with { type: 'json' };
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const preset = presetSchema.parse(demo);

/** Stands in the place of the retraining: the comparison it ends with is given, the rest is real. */
const retrain = dag('retrain', { params: { preset: {} }, partitions: 'iso-week' }, (d) => {
  d.task('compare', act.noop, { input: { value: 0 } });
  return {
    preset: d.params.preset,
    championVersion: '1',
    challengerVersion: '2',
    rows: 500,
    championF1: 0.8,
    challengerF1: 0.7,
  };
});

let engine: EngineEnvironment;
let models = 0;
let model: string;
/** What the retraining does before it hands its comparison over. */
let retraining: () => Promise<void>;

beforeAll(async () => {
  engine = await startEngine({
    dags: [retrain],
    noop: async ({ value }) => {
      await retraining();
      return { value };
    },
  });
}, 60_000);
afterAll(() => engine.stop());
beforeEach(() => {
  model = `model-${++models}`;
  retraining = async () => undefined;
});

test('a challenger that loses the gate leaves the champion, and every step is a decision', async () => {
  await report('2022-W20', [drifted('ppi_severity')]);
  expect(await outcome('2022-W20')).toEqual({
    kind: 'keep',
    reason:
      'champion stays: macro-F1 0.7000 against 0.8000 on 500 held-out rows, the gain must exceed 0',
  });
  expect(await decisions()).toMatchObject([
    { kind: 'retrain', partition: '2022-W20', reason: '2022-W20: ppi_severity 0.2000 > 0.1000' },
    { kind: 'keep', partition: '2022-W20' },
  ]);
});

test('the same report twice starts one retraining', async () => {
  await report('2022-W21', [drifted('ppi_severity')]);
  await report('2022-W21', [drifted('ppi_severity')]);
  await outcome('2022-W21');
  await report('2022-W21', [drifted('ppi_severity')]);
  await vi.waitFor(async () => expect(await signalsHeard()).toBe(3));
  expect((await decisions()).map((row) => row['kind'])).toEqual(['retrain', 'keep']);
});

test('names alone are noted and start nothing', async () => {
  await report('2022-W22', [drifted('sni_kl')]);
  expect(await outcome('2022-W22')).toEqual({
    kind: 'noted',
    reason: 'only sni_kl drifted, which changes no feature',
  });
  expect((await decisions()).map((row) => row['kind'])).toEqual(['noted']);
});

test('a report on few rows is noted', async () => {
  await report('2022-W23', [drifted('ppi_severity')], { rows: 300 });
  expect(await outcome('2022-W23')).toMatchObject({
    kind: 'noted',
    reason: '300 rows, a retraining needs a report on at least 1000',
  });
});

test('of the reports that come during a retraining the newest is next, the others are superseded', async () => {
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  retraining = () => finished;
  await report('2022-W24', [drifted('ppi_severity')]);
  await report('2022-W25', [drifted('ppi_severity')]);
  await report('2022-W26', [drifted('ppi_severity')]);
  expect(await outcome('2022-W25')).toMatchObject({ kind: 'superseded' });
  finish();
  expect(await outcome('2022-W26')).toMatchObject({ kind: 'keep' });
  const weeks = (await decisions())
    .filter((row) => row['kind'] === 'retrain')
    .map((row) => row['partition']);
  expect(weeks).toEqual(['2022-W24', '2022-W26']);
});

test('a retraining that fails is a decision too, with its reason', async () => {
  retraining = async () => {
    throw new PipelineError({ code: 'TRAINING_TOO_FEW_ROWS', found: '3 rows', fix: 'wait' });
  };
  await report('2022-W27', [drifted('ppi_severity')]);
  const { kind, reason } = await outcome('2022-W27');
  expect(kind).toBe('failed');
  expect(reason).toMatch(/compare: .*TRAINING_TOO_FEW_ROWS: 3 rows/);
});

test('the Temporal UI shows the phase and the decisions', async () => {
  await report('2022-W28', [drifted('sni_kl')]);
  await outcome('2022-W28');
  const { currentDetails } = await handle().query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  expect(currentDetails).toMatch(/^phase: \*\*idle\*\*\n[^]*\| noted \| only sni_kl drifted/);
});

/** Wakes the lifecycle as the monitor of 0.6 did: signal-with-start. */
async function report(
  week: string,
  scores: readonly DriftScore[],
  { rows = 5_000 } = {},
): Promise<void> {
  const { minRows = 0, minGain = 0, minHeldOutRows = 0 } = preset.policy;
  const sent: DriftReport = {
    ...{ reportHash: hashOf(week), partition: week, rows, preset },
    policy: { minRows, minGain, minHeldOutRows },
    statistics: scores.map(({ statistic, value, threshold }) => ({
      ...{ statistic, value: value ?? 0, threshold: threshold ?? 0 },
    })),
  };
  await engine.server.client.workflow.signalWithStart('lifecycle', {
    ...{ workflowId: lifecycleId(model), taskQueue: 'control', args: [{ model }] },
    ...{ signal: DRIFT_SIGNAL, signalArgs: [sent] },
  });
}

function drifted(statistic: string): DriftScore {
  return { partition: '', statistic, value: 0.2, threshold: 0.1, verdict: 'drifted' };
}

function hashOf(week: string): string {
  return `${model}-${week}`;
}

function handle(): WorkflowHandle {
  return engine.server.client.workflow.getHandle(lifecycleId(model));
}

async function outcome(week: string): Promise<Outcome> {
  return vi.waitFor(
    async () => {
      const found = await handle().query<Outcome | null, [string]>(OUTCOME_QUERY, hashOf(week));
      if (found === null) throw new Error('not decided yet');
      return found;
    },
    { timeout: 15_000, interval: 50 },
  );
}

async function signalsHeard(): Promise<number> {
  const { events } = await handle().fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

function decisions() {
  return engine.rows(`SELECT * FROM decisions WHERE model = '${model}' ORDER BY decided_at`);
}
