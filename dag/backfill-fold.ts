/**
 * A backfill under way, as a fold `(state, event) -> (state, commands)`: a window of at most `maxActive`
 * runs slides over the plan. The workflow carries the commands out.
 */
import {
  backfillId,
  type BackfillPlan,
  type BackfillRequest,
  type BackfillRow,
  type BackfillRunState,
  type BackfillView,
  type PlannedRun,
} from '../contracts/backfill.js';
import { dagRunId } from '../contracts/engine.js';

/** A backfill under way; plain data, it travels when the workflow continues as new. */
export interface BackfillState {
  readonly request: BackfillRequest;
  readonly runs: readonly RunOfBackfill[];
  readonly paused: boolean;
  /** What runs ends first, for the workflow is to continue as new. */
  readonly draining: boolean;
  /** Why nothing more starts; empty while runs may start. */
  readonly stopped: string;
  readonly state: BackfillView['state'];
}

/** A planned run and what became of it. */
export interface RunOfBackfill extends PlannedRun {
  readonly state: BackfillRunState;
  /** Set when someone else had started the run. */
  readonly joined?: true;
}

/** How a run ended. */
export interface RunOutcome {
  readonly state: 'success' | 'failed' | 'cancelled';
  /** Why it did not succeed; empty after a success. */
  readonly reason: string;
}

/** What may happen; `at` is the run's place in the plan, from 0. */
export type BackfillEvent =
  | { readonly kind: 'started' }
  | { readonly kind: 'run_joined'; readonly at: number }
  | ({ readonly kind: 'run_ended'; readonly at: number } & RunOutcome)
  | { readonly kind: 'paused' }
  | { readonly kind: 'resumed' }
  /** Nothing more starts until the next `started`. */
  | { readonly kind: 'drain_requested' }
  | { readonly kind: 'cancel_requested' };

/** What the workflow has to do. */
export type BackfillCommand =
  | { readonly kind: 'start'; readonly at: number; readonly run: PlannedRun }
  | { readonly kind: 'join'; readonly at: number; readonly run: PlannedRun }
  /** Of the runs that the backfill started itself. */
  | { readonly kind: 'cancel_runs' };

/** A backfill of which nothing has started. */
export function newBackfill({ request, runs }: BackfillPlan): BackfillState {
  return {
    request,
    runs: runs.map((run) => ({ ...run, state: run.action === 'skip' ? 'skipped' : 'planned' })),
    paused: false,
    draining: false,
    stopped: '',
    state: 'running',
  };
}

/** The next state, and what is to be done. */
export function stepBackfill(
  state: BackfillState,
  event: BackfillEvent,
): { state: BackfillState; commands: readonly BackfillCommand[] } {
  if (state.state !== 'running') return { state, commands: [] };
  const next = apply(state, event);
  const { state: slid, commands } = slideWindow(next);
  const cancels = event.kind === 'cancel_requested' ? [{ kind: 'cancel_runs' } as const] : [];
  return { state: close(slid), commands: [...commands, ...cancels] };
}

/** True while no run is under way. */
export function isDrained(state: BackfillState): boolean {
  return !state.runs.some((run) => run.state === 'running');
}

/** The backfill as a reader sees it. */
export function backfillView({ request, runs, paused, state }: BackfillState): BackfillView {
  const { dag, from, to } = request;
  return {
    ...{ backfillId: backfillId(request), dag, from, to, state, paused },
    rows: runs.map(rowOf),
  };
}

/** Markdown: how many are in which state, and the runs that a reader looks for. */
export function backfillTable({ runs, state, paused }: BackfillState): string {
  const counts = new Map<BackfillRunState, number>();
  for (const run of runs) counts.set(run.state, (counts.get(run.state) ?? 0) + 1);
  const summary = [...counts].map(([of, count]) => `${count} ${of}`).join(', ');
  const shown = runs.filter((run) => SHOWN.includes(run.state)).slice(0, SHOWN_RUNS);
  const lines = shown.map(rowOf).map((row) => {
    return `| ${row.dagRunId} | ${row.state} | ${row.reason.replaceAll('|', '\\|')} |`;
  });
  const head = ['| run | state | reason |', '| --- | --- | --- |'];
  return [`${paused ? 'paused' : state}: ${summary}`, '', ...head, ...lines].join('\n');
}

const CANCELLED = 'the backfill was cancelled';
const SHOWN: readonly BackfillRunState[] = ['running', 'failed', 'cancelled'];
const SHOWN_RUNS = 50;

function rowOf({ dag, partition, state, joined, reason }: RunOfBackfill): BackfillRow {
  const id = dagRunId(dag, partition);
  return { partition, dagRunId: id, state, joined: joined === true, reason };
}

function apply(state: BackfillState, event: BackfillEvent): BackfillState {
  switch (event.kind) {
    case 'started':
      return { ...state, draining: false };
    case 'drain_requested':
      return { ...state, draining: true };
    case 'paused':
      return { ...state, paused: true };
    case 'resumed':
      return { ...state, paused: false };
    case 'cancel_requested':
      return { ...state, stopped: CANCELLED };
    case 'run_joined':
      return withRun(state, event.at, (run) => ({ ...run, joined: true }));
    case 'run_ended': {
      const ended = withRun(state, event.at, (run) => ({
        ...run,
        state: event.state,
        reason: event.reason === '' ? run.reason : event.reason,
      }));
      const stops =
        event.state !== 'success' && state.request.onFailure === 'stop' && state.stopped === '';
      return stops
        ? { ...ended, stopped: `stopped after ${idOf(state.runs[event.at])} ${event.state}` }
        : ended;
    }
  }
}

/** Starts what may start, in the order of the plan. */
function slideWindow(state: BackfillState): {
  state: BackfillState;
  commands: BackfillCommand[];
} {
  if (state.paused || state.draining || state.stopped !== '') return { state, commands: [] };
  const runs = [...state.runs];
  const commands: BackfillCommand[] = [];
  let free = state.request.maxActive - runs.filter((run) => run.state === 'running').length;
  // a run stands after those it waits for, so one pass sees a failure reach the end of its chain
  for (const [at, run] of runs.entries()) {
    if (run.state !== 'planned') continue;
    if (free === 0 && run.after === undefined) continue;
    const upstream = (run.after ?? []).map((id) => before(runs, at, id));
    const lost = upstream.find((of) => LOST.includes(of.state));
    if (lost !== undefined) {
      const reason = `${idOf(lost)} ended as ${lost.state}`;
      runs[at] = { ...run, state: 'upstream_failed', reason };
    } else if (free > 0 && upstream.every((of) => of.state === 'success')) {
      free -= 1;
      runs[at] = { ...run, state: 'running' };
      commands.push({ kind: run.action === 'join' ? 'join' : 'start', at, run });
    }
  }
  return { state: { ...state, runs }, commands };
}

/** The run of that id, which stands shortly before `at`: it is of the same partition. */
function before(runs: readonly RunOfBackfill[], at: number, id: string): RunOfBackfill {
  while (idOf(runs[at]) !== id) at -= 1;
  return runs[at]!; // planned together, upstream first
}

function idOf(run: PlannedRun | undefined): string {
  return run === undefined ? '' : dagRunId(run.dag, run.partition);
}

const LOST: readonly BackfillRunState[] = ['failed', 'cancelled', 'upstream_failed'];

/** Ends the backfill when nothing runs and nothing more will. */
function close(state: BackfillState): BackfillState {
  const { runs, stopped } = state;
  if (!isDrained(state)) return state;
  if (stopped === '' && runs.some((run) => run.state === 'planned')) return state;
  const ended = runs.map((run): RunOfBackfill =>
    run.state === 'planned' ? { ...run, state: 'not_run', reason: stopped } : run,
  );
  const lost = ended.some((run) => LOST.includes(run.state));
  return {
    ...state,
    runs: ended,
    state: stopped === CANCELLED ? 'cancelled' : lost ? 'failed' : 'success',
  };
}

function withRun(
  state: BackfillState,
  at: number,
  change: (run: RunOfBackfill) => RunOfBackfill,
): BackfillState {
  return { ...state, runs: state.runs.map((run, index) => (index === at ? change(run) : run)) };
}
