/**
 * A run without any activity code: what each task does is given beforehand, and the fold does the rest.
 * The outcomes file of `sentinel dags test --plan`; docs/dag.md describes it.
 */
import { PipelineError, type Fault } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import type { RunState } from '../contracts/states.js';
import { producersOf } from './decide-task.js';
import { fold, type Step } from './fold.js';
import { graphOf } from './graph.js';
import type { Plan, PlanTask } from './plan.js';
import { instanceName, newRun, type InstanceEnd, type InstanceKey } from './run-record.js';

/** How one execution of a task ends. */
export type Outcome = 'success' | 'failed' | 'skipped';

/** What a task does if it runs. */
export type TaskOutcome =
  | Outcome
  /** Succeeds and chooses these words of its branch, or ids of downstream tasks. */
  | { readonly choice: readonly string[] }
  /** Succeeds with this as the condition of its short circuit. */
  | { readonly condition: boolean }
  /** One for each instance of a mapped task. */
  | { readonly map: readonly Outcome[] }
  /** Succeeds and returns so many elements. */
  | { readonly length: number };

/** How the run of given outcomes went. */
export interface OutcomesRun {
  readonly state: RunState;
  /** State of each task by id. */
  readonly tasks: { readonly [id: string]: string };
  /** States of the instances of each mapped task that has any. */
  readonly instances: { readonly [id: string]: readonly string[] };
  readonly reasons: { readonly [id: string]: string };
  /** The instances that became ready together. */
  readonly waves: readonly (readonly string[])[];
}

/** In `waves` all that is ready ends, by id and index, before the next is decided; else only the first of it. */
export type Order = 'waves' | 'one by one';

/**
 * Runs a plan with given outcomes; a task without one succeeds.
 *
 * @throws PipelineError OUTCOMES_INVALID listing every outcome that its task cannot have
 */
export function runOutcomes(
  plan: Plan,
  outcomes: { readonly [id: string]: TaskOutcome },
  order: Order = 'waves',
): OutcomesRun {
  checkOutcomes(plan, outcomes);
  const shown = plan.tasks.map((task) => ({ ...task, when: null, input: null, summary: task.id }));
  const sketch: Plan = { ...plan, tasks: shown, output: null };
  const params = paramsOf(plan, outcomes);
  const start = newRun(sketch, { dagRunId: plan.dag, planHash: '', partition: '', params });
  const waves: string[][] = [];
  const ready: InstanceKey[] = [];
  let record = start;
  let atMs = 1;

  const graph = graphOf(plan);
  const nameOf = ({ task, index }: InstanceKey): string => instanceName(graph.task(task), index);

  const take = (step: Step): void => {
    record = step.record;
    const started = step.commands.flatMap((command): InstanceKey[] => {
      if (command.kind === 'start') return [command.key];
      if (command.kind !== 'start_batch') return [];
      const { task, first, count } = command;
      return Array.from({ length: count }, (_, offset) => ({ task, index: first + offset }));
    });
    ready.push(...started);
    ready.sort((a, b) => (a.task < b.task ? -1 : a.task > b.task ? 1 : a.index - b.index));
    if (started.length > 0) waves.push(started.map(nameOf).sort());
  };
  take(fold(sketch, record, { kind: 'run_started', atMs }));
  while (ready.length > 0) {
    atMs += 1;
    const ends = ready
      .splice(0, order === 'waves' ? ready.length : 1)
      .map((key) => ({ key, end: endOf(plan, outcomes, key) }));
    take(fold(sketch, record, { kind: 'instances_ended', ends, atMs }));
  }
  const tasks = Object.entries(record.tasks);
  return {
    state: record.state,
    tasks: Object.fromEntries(tasks.map(([id, { state }]) => [id, state])),
    instances: Object.fromEntries(
      tasks
        .filter(([id, { instances }]) => graph.task(id).map !== null && instances.length > 0)
        .map(([id, { instances }]) => [id, instances.map(({ state }) => state)]),
    ),
    reasons: Object.fromEntries(
      tasks.filter(([, { reason }]) => reason !== '').map(([id, { reason }]) => [id, reason]),
    ),
    waves,
  };
}

function endOf(
  plan: Plan,
  outcomes: { readonly [id: string]: TaskOutcome },
  { task, index }: InstanceKey,
): InstanceEnd {
  const outcome = outcomes[task] ?? 'success';
  const single = typeof outcome === 'object' && 'map' in outcome ? outcome.map[index] : outcome;
  if (single === 'failed') {
    return { state: 'failed', error: { code: 'INTERNAL', message: 'its outcome is failed' } };
  }
  if (single === 'skipped') {
    return { state: 'skipped', error: { code: 'TASK_SKIPPED', message: 'its outcome is skipped' } };
  }
  return { state: 'success', output: outputOf(plan, outcomes, task) };
}

/** An output that chooses what was asked for, and holds lists of the lengths that tasks map over. */
function outputOf(plan: Plan, outcomes: { readonly [id: string]: TaskOutcome }, id: string): Json {
  const outcome = outcomes[id];
  if (typeof outcome === 'object' && 'choice' in outcome) return outcome.choice;
  if (typeof outcome === 'object' && 'condition' in outcome) return outcome.condition;
  if (graphOf(plan).task(id).shortCircuit !== null) return true;
  let output: Json = {};
  for (const { length, path } of lengths(plan, outcomes, '$task', id)) {
    output = withList(output, path, length);
  }
  return output;
}

/** The plan's parameters, with lists of the lengths that tasks map over. */
function paramsOf(plan: Plan, outcomes: { readonly [id: string]: TaskOutcome }): JsonObject {
  return Object.fromEntries(
    Object.entries(plan.params).map(([name, value]) => {
      const lists = lengths(plan, outcomes, '$param', name);
      return [
        name,
        lists.reduce((made: Json, { path, length }) => withList(made, path, length), value),
      ];
    }),
  );
}

/** Where in a source tasks map over a list, and how long each is to be. */
function lengths(
  plan: Plan,
  outcomes: { readonly [id: string]: TaskOutcome },
  kind: '$task' | '$param',
  name: string,
): { path: readonly string[]; length: number }[] {
  const own = outcomes[name];
  const given = typeof own === 'object' && 'length' in own ? own.length : undefined;
  return plan.tasks.flatMap(({ id, map }) => {
    const over = map?.over as { [key: string]: Json } | null | undefined; // an expression is JSON
    if (over == null || typeof over !== 'object' || over[kind] !== name) return [];
    const outcome = outcomes[id];
    const wanted = typeof outcome === 'object' && 'map' in outcome ? outcome.map.length : undefined;
    const path = over['path'] as readonly string[]; // a source with a path
    return given === undefined && wanted === undefined && kind === '$param'
      ? []
      : [{ path, length: given ?? wanted ?? 1 }];
  });
}

/** `value` with a list of `length` elements at `path`. */
function withList(value: Json, path: readonly string[], length: number): Json {
  const [key, ...rest] = path;
  if (key === undefined) return Array.from({ length }, (_, index) => index);
  const object = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
  const inner = (object as JsonObject)[key] ?? null; // just checked
  return { ...(object as JsonObject), [key]: withList(inner, rest, length) };
}

function checkOutcomes(plan: Plan, outcomes: { readonly [id: string]: TaskOutcome }): void {
  const graph = graphOf(plan);
  const faults = Object.entries(outcomes).flatMap(([id, outcome]): string[] => {
    if (!graph.has(id)) return [`no task "${id}"`];
    const fault = faultOf(plan, graph.task(id), outcome);
    return fault === undefined ? [] : [`"${id}" ${fault}`];
  });
  const unchosen = plan.tasks
    .filter(({ id, branch }) => branch !== null && (outcomes[id] ?? 'success') === 'success')
    .map(({ id }) => `"${id}" is a branch and succeeds without a choice`);
  if (faults.length + unchosen.length === 0) return;
  const fault: Fault = {
    code: 'OUTCOMES_INVALID',
    file: plan.dag,
    found: [...faults, ...unchosen].join('; '),
    expected: 'outcomes that these tasks can have',
    fix: 'correct the outcomes; docs/dag.md has the format',
  };
  throw new PipelineError(fault);
}

function faultOf(plan: Plan, task: PlanTask, outcome: TaskOutcome): string | undefined {
  if (typeof outcome === 'string') return undefined;
  if ('choice' in outcome) {
    if (task.branch === null) return 'has a choice and is no branch';
    const known = new Set([...Object.keys(task.branch.cases), ...plan.tasks.map(({ id }) => id)]);
    const strange = outcome.choice.filter((word) => !known.has(word));
    return strange.length === 0 ? undefined : `chooses ${strange.join(', ')}`;
  }
  if ('condition' in outcome) {
    return task.shortCircuit === null ? 'has a condition and is no short circuit' : undefined;
  }
  if ('map' in outcome) {
    if (task.map === null) return 'has outcomes of a map and is not mapped';
    const { over } = task.map;
    const literal = Array.isArray(over) && producersOf(task).length === 0 ? over.length : undefined;
    return literal === undefined || literal === outcome.map.length
      ? undefined
      : `maps over ${literal} elements and has ${outcome.map.length} outcomes`;
  }
  return undefined;
}
