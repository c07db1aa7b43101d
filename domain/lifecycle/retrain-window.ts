/** Which flows a retraining uses: the newest, cut in the order of time into those that train, validate and gate. */

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Of the flows before the gate's, the older share that trains; the rest ends the training. */
const TRAIN_SHARE = 0.85;

/** After a schema break, the older share that trains and validates; the rest is the gate's. */
const BREAK_SHARE = 0.7;

/** Days that the gate has otherwise, at least. */
const GATE_DAYS = 2;

/**
 * Flows that the gate has where these are not more than a fifth of all: on 700 to 1,500 flows of 60 classes the interval
 * of the gain in macro-F1 is .1 to .18 wide, more than a retraining gains (docs/decisions/016-what-a-retraining-is-worth.md).
 */
const GATE_ROWS = 1_500;
const GATE_SHARE = 0.2;

/** Flows from `fromMs` to before `toMs`, epoch ms. */
export interface FlowSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The span that a retraining looks back.
 *
 * @param window.endMs       of the newest flows, epoch ms, excluded
 * @param window.notBeforeMs no earlier flow is used, epoch ms; null for no such bound
 * @param window.weeks       weeks before the end
 */
export function retrainSpan(window: {
  readonly endMs: number;
  readonly notBeforeMs: number | null;
  readonly weeks: number;
}): FlowSpan {
  const { endMs, notBeforeMs, weeks } = window;
  const fromMs = Math.max(endMs - weeks * WEEK_MS, notBeforeMs ?? -Infinity);
  return { fromMs, toMs: endMs };
}

/** How many of N flows in the order of time train; those behind them validate. */
export function trainingRows(rows: number): number {
  return Math.floor(rows * TRAIN_SHARE);
}

/** Places in N flows in the order of time: [0, validateFrom) train, [validateFrom, heldOutFrom) validate, the rest gates. */
export interface RetrainCut {
  readonly validateFrom: number;
  readonly heldOutFrom: number;
}

/**
 * Cuts the flows of a span. The gate has the newest whole days, two at least and `minHeldOutRows` flows, or
 * more, see `GATE_ROWS`; after a schema
 * break, when flows are few, the newest 30 %.
 *
 * @param rowsByDay flows of each day that has any, oldest first
 * @returns `heldOutFrom` 0 where all flows together are too few for the gate
 */
export function cutRetraining(
  rowsByDay: readonly number[],
  {
    afterSchemaBreak,
    minHeldOutRows,
  }: { readonly afterSchemaBreak: boolean; readonly minHeldOutRows: number },
): RetrainCut {
  const rows = rowsByDay.reduce((sum, n) => sum + n, 0);
  let heldOut = 0;
  for (const [days, n] of [...rowsByDay].reverse().entries()) {
    const isEnough = days >= GATE_DAYS && heldOut >= minHeldOutRows;
    if (isEnough && (heldOut >= GATE_ROWS || heldOut + n > GATE_SHARE * rows)) break;
    heldOut += n;
  }
  const heldOutFrom = afterSchemaBreak ? Math.floor(rows * BREAK_SHARE) : rows - heldOut;
  return { validateFrom: trainingRows(heldOutFrom), heldOutFrom };
}
