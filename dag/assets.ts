/**
 * Runs that start when data has been updated. A DAG waits for a condition over assets; each partition
 * gathers its own updates, and once the condition holds a run starts and the gathering begins anew.
 */

/** An asset by name, or a condition over others. */
export type AssetCondition =
  | string
  | { readonly all: readonly AssetCondition[] }
  | { readonly any: readonly AssetCondition[] };

/** A task has updated an asset. */
export interface AssetUpdate {
  readonly asset: string;
  /** Partition of the run to start: the producer's where both DAGs are cut alike, else empty. */
  readonly partition: string;
  /** What has updated it: run and task. The same update told again is not counted again. */
  readonly by: string;
  readonly atMs: number;
  /** What the consumer waits for, by the newest plan. */
  readonly condition: AssetCondition;
}

/** What a consumer has heard; plain JSON. */
export interface AssetTriggerState {
  /** By partition: the assets updated since its last run was asked for. */
  readonly gathered: Readonly<Record<string, readonly string[]>>;
  /** Partitions to run as soon as there is room, in order. */
  readonly due: readonly string[];
  /** Partitions whose run is starting or under way. */
  readonly open: readonly string[];
  /** Updates that have been counted, the newest last. */
  readonly counted: readonly string[];
}

/** Something a trigger hears; `resumed` comes first, whenever it starts or goes on. */
export type AssetTriggerEvent =
  | ({ readonly type: 'asset_updated' } & AssetUpdate)
  | { readonly type: 'run_closed'; readonly partition: string }
  | { readonly type: 'resumed' };

/** What a trigger has to do. */
export interface StartRun {
  readonly type: 'start_run';
  readonly partition: string;
}

/** Nothing heard yet. */
export const NO_UPDATES: AssetTriggerState = { gathered: {}, due: [], open: [], counted: [] };

/** Runs of one consumer under way at a time, each of another partition. */
const MAX_OPEN = 16;
/** An update is told again within minutes if at all; this many are far more than that. */
const MAX_COUNTED = 1_000;

/** Takes one event in. */
export function stepAssetTrigger(
  state: AssetTriggerState,
  event: AssetTriggerEvent,
): { state: AssetTriggerState; commands: StartRun[] } {
  switch (event.type) {
    case 'resumed':
      return startDue(state);
    case 'run_closed':
      return startDue({ ...state, open: without(state.open, event.partition) });
    case 'asset_updated':
      return startDue(gather(state, event));
  }
}

/**
 * The state to go on with when the runs under way are lost from sight: Temporal refuses a second run
 * under the same id, so one that is under way needs no record.
 *
 * @param started partitions whose run has started for certain; the other open ones are tried again
 */
export function forgetOpenRuns(
  state: AssetTriggerState,
  started: ReadonlySet<string>,
): AssetTriggerState {
  const again = state.open.filter((partition) => !started.has(partition));
  return {
    ...state,
    open: [],
    due: [...again, ...state.due.filter((key) => !again.includes(key))],
  };
}

/** Whether updates of these assets satisfy a condition. */
export function isSatisfied(condition: AssetCondition, updated: readonly string[]): boolean {
  if (typeof condition === 'string') return updated.includes(condition);
  if ('all' in condition) return condition.all.every((part) => isSatisfied(part, updated));
  return condition.any.some((part) => isSatisfied(part, updated));
}

/** The assets a condition names, each once. */
export function assetsOf(condition: AssetCondition): string[] {
  if (typeof condition === 'string') return [condition];
  return [...new Set(('all' in condition ? condition.all : condition.any).flatMap(assetsOf))];
}

/** `a and (b or c)` */
export function describeAssets(condition: AssetCondition, inner = false): string {
  if (typeof condition === 'string') return condition;
  const [parts, word] = 'all' in condition ? [condition.all, ' and '] : [condition.any, ' or '];
  const text = parts.map((part) => describeAssets(part, true)).join(word);
  return inner && parts.length > 1 ? `(${text})` : text;
}

function gather(state: AssetTriggerState, update: AssetUpdate): AssetTriggerState {
  const { asset, partition, by, condition } = update;
  const mark = `${by} ${asset}`;
  if (state.counted.includes(mark)) return state;
  const counted = [...state.counted, mark].slice(-MAX_COUNTED);
  const before = state.gathered[partition] ?? [];
  const updated = before.includes(asset) ? before : [...before, asset];
  if (!isSatisfied(condition, updated)) {
    return { ...state, counted, gathered: { ...state.gathered, [partition]: updated } };
  }
  const { [partition]: _, ...gathered } = state.gathered;
  return { ...state, counted, gathered, due: [...without(state.due, partition), partition] };
}

/** A partition that is open already waits for its end, and the ones behind it do not wait for it. */
function startDue(state: AssetTriggerState): { state: AssetTriggerState; commands: StartRun[] } {
  const room = Math.max(0, MAX_OPEN - state.open.length);
  const starting = state.due.filter((partition) => !state.open.includes(partition)).slice(0, room);
  return {
    state: {
      ...state,
      due: state.due.filter((partition) => !starting.includes(partition)),
      open: [...state.open, ...starting],
    },
    commands: starting.map((partition) => ({ type: 'start_run', partition })),
  };
}

function without(list: readonly string[], item: string): string[] {
  return list.filter((other) => other !== item);
}
