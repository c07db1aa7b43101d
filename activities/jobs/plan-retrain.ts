/** Chooses the rows of a retraining: the newest flows, cut in the order of time. */
import { PipelineError } from '../../contracts/errors.js';
import type { Preset, Retraining, Selection, Split } from '../../contracts/schemas/values.js';
import {
  cutRetraining,
  retrainSpan,
  type FlowSpan,
} from '../../domain/lifecycle/retrain-window.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { rowsByDay, timesAt } from '../../feature-store/flow-times.js';
import { readFlowSet } from '../../feature-store/read-flows.js';
import { weekEndMs } from '../judged-weeks.js';
import type { JobContext } from './index.js';
import { splitOf, trainingFaults, type Cut, type FlowVersion } from './plan-split.js';

/** What a retraining is planned from. */
export interface RetrainRequest {
  readonly preset: Preset;
  /** Version of `flow_features`. */
  readonly version: number;
  /** ISO week. */
  readonly week: string;
  readonly retraining: Retraining;
  /** Flows that the gate needs. */
  readonly minHeldOutRows: number;
}

/**
 * The split of a retraining; its test rows are the gate's.
 *
 * @throws PipelineError TRAINING_TOO_FEW_ROWS
 */
export async function planRetrainJob(
  { preset, version, week, retraining, minHeldOutRows }: RetrainRequest,
  { layout }: JobContext,
): Promise<Split> {
  const { endMs, notBeforeMs } = retraining;
  const span = retrainSpan({
    endMs: endMs ?? weekEndMs(week),
    notBeforeMs,
    weeks: preset.retrainWeeks + 1, // and that of the newest flows
  });
  const db = await FeatureDb.open();
  try {
    const source = { db, tablesRoot: layout.tables, version };
    const cut = await cutSpan(source, span, retraining, minHeldOutRows);
    const train = await readFlowSet(source, cut.selections.train);
    const [fault] = await trainingFaults(source, cut, train, preset, ['APP']);
    if (fault !== undefined) throw new PipelineError(fault);
    return await splitOf(source, cut, train, preset);
  } finally {
    db.close();
  }
}

async function cutSpan(
  source: FlowVersion,
  span: FlowSpan,
  { afterSchemaBreak }: Retraining,
  minHeldOutRows: number,
): Promise<Cut> {
  const days = await rowsByDay(source, within(span));
  const { validateFrom, heldOutFrom } = cutRetraining(days, { afterSchemaBreak, minHeldOutRows });
  if (validateFrom === 0) throw tooFew(span, days, minHeldOutRows);
  const [validateMs = NaN, heldOutMs = NaN] = await timesAt(source, within(span), [
    validateFrom,
    heldOutFrom,
  ]);
  const selections = {
    train: within({ ...span, toMs: validateMs }),
    validate: within({ fromMs: validateMs, toMs: heldOutMs }),
    test: within({ ...span, fromMs: heldOutMs }),
  };
  return {
    kind: 'time',
    rule: `retraining${afterSchemaBreak ? ' after a schema break' : ''} with flows from ${shown(span.fromMs)}: those before ${shown(validateMs)} train, those before ${shown(heldOutMs)} validate, the others to ${shown(span.toMs)} compare`,
    watch: [],
    selections,
  };
}

function within(span: FlowSpan): Selection {
  return { kind: 'time', ...span };
}

function tooFew(span: FlowSpan, days: readonly number[], minHeldOutRows: number): PipelineError {
  const rows = days.reduce((sum, n) => sum + n, 0);
  return new PipelineError({
    code: 'TRAINING_TOO_FEW_ROWS',
    found: `${rows} flows on ${days.length} days from ${shown(span.fromMs)} to ${shown(span.toMs)}`,
    expected: `flows to train on, before those of two days, ${minHeldOutRows} at least, that compare`,
    fix: 'retrain when there are more flows, or lower `minHeldOutRows` of the policy',
  });
}

/** `2022-06-30T10:11Z` */
function shown(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}
