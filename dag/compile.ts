/**
 * From a declaration to a plan. Every fault of the DAG is found in one go, each with its mend.
 */
import { PipelineError, describeFault, type Fault } from '../contracts/errors.js';
import type { Queue } from '../contracts/queues.js';
import type { Dag, DeclaredTask } from './declare.js';
import { tasksRead } from './expression.js';
import type { Plan, PlanTask, RetryRule } from './plan.js';

/** What the code says of each activity. */
export interface ActivityCatalogue {
  readonly [name: string]: {
    readonly contract: string;
    readonly queue: Queue;
    readonly timeoutMs: number;
    readonly retry: RetryRule;
  };
}

/** What a declaration needs to become a plan. */
export interface CompileOptions {
  readonly catalogue: ActivityCatalogue;
  readonly codeVersion: string;
  /** Workflow types that tasks may run: the other DAGs and the native workflows. */
  readonly workflowTypes: readonly string[];
}

/**
 * The plan of a DAG.
 *
 * @throws PipelineError DAG_INVALID listing every fault, or the fault itself when there is one only
 */
export function compile(dag: Dag<never, unknown> | Dag, options: CompileOptions): Plan {
  const { declaration } = dag;
  const faults = findFaults(dag.type, declaration.tasks, options);
  const [first] = faults;
  if (first !== undefined) {
    if (faults.length === 1) throw new PipelineError(first);
    throw new PipelineError({
      code: 'DAG_INVALID',
      file: dag.type,
      found: `${faults.length} faults:\n${faults.map(describeFault).join('\n')}`,
      fix: 'mend each line above',
    });
  }
  const { tasks, ...shape } = declaration;
  return {
    format: 2,
    dag: dag.type,
    ...shape,
    codeVersion: options.codeVersion,
    tasks: inOrder(tasks).map((task) => planTask(task, options.catalogue)),
  };
}

function planTask({ tries, ...task }: DeclaredTask, catalogue: ActivityCatalogue): PlanTask {
  const { target } = task;
  if (target.kind !== 'activity') return { ...task, target };
  const entry = catalogue[target.name]!; // `findFaults` has refused unknown activities
  return {
    ...task,
    target: {
      kind: 'activity',
      name: target.name,
      queue: entry.queue,
      contract: entry.contract,
      retry: { ...entry.retry, ...tries.retry },
      timeoutMs: tries.timeoutMs ?? entry.timeoutMs,
      deadlineMs: tries.deadlineMs ?? null,
    },
  };
}

function findFaults(
  file: string,
  tasks: readonly DeclaredTask[],
  { catalogue, workflowTypes }: CompileOptions,
): Fault[] {
  const ids = new Set(tasks.map((task) => task.id));
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const task of tasks) {
    if (seen.has(task.id)) {
      faults.push({
        code: 'DAG_DUPLICATE_TASK',
        file,
        found: `two tasks "${task.id}"`,
        fix: 'rename one',
      });
    }
    seen.add(task.id);
    for (const upstream of [...task.upstream, ...tasksRead(task.summary)]) {
      if (ids.has(upstream)) continue;
      faults.push({
        code: 'DAG_UNKNOWN_UPSTREAM',
        file,
        found: `"${task.id}" depends on "${upstream}"`,
        expected: `one of ${[...ids].join(', ')}`,
        fix: 'use the reference that d.task() of this DAG returned',
      });
    }
    const { target } = task;
    const [known, name] =
      target.kind === 'activity'
        ? [Object.keys(catalogue), target.name]
        : target.kind === 'workflow'
          ? [workflowTypes, target.type]
          : [[''], ''];
    if (!known.includes(name)) {
      faults.push({
        code: 'DAG_UNKNOWN_TARGET',
        file,
        found: `"${task.id}" runs the ${target.kind} "${name}"`,
        expected: `one of ${known.join(', ')}`,
        fix: `register it, or correct the name in "${task.id}"`,
      });
    }
    if (task.map !== null && !(Number.isInteger(task.map.width) && task.map.width >= 1)) {
      faults.push({
        code: 'DAG_INVALID',
        file,
        found: `"${task.id}" maps with width ${task.map.width}`,
        expected: 'a whole number from 1 and up',
        fix: 'correct the width',
      });
    }
  }
  const cycle = findCycle(tasks);
  if (cycle !== undefined) {
    faults.push({
      code: 'DAG_CYCLE',
      file,
      found: cycle.join(' -> '),
      fix: `drop one of these ${cycle.length - 1} edges`,
    });
  }
  return faults;
}

/** A cycle as the ids along it, the first one repeated at the end. */
function findCycle(tasks: readonly DeclaredTask[]): string[] | undefined {
  const upstream = new Map(tasks.map((task) => [task.id, task.upstream]));
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (id: string): string[] | undefined => {
    const start = path.indexOf(id);
    if (start >= 0) return [...path.slice(start), id].reverse();
    if (done.has(id)) return undefined;
    path.push(id);
    for (const next of upstream.get(id) ?? []) {
      const cycle = visit(next);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(id);
    return undefined;
  };
  for (const { id } of tasks) {
    const cycle = visit(id);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** Upstream before downstream; among equals, the order of declaration. */
function inOrder(tasks: readonly DeclaredTask[]): DeclaredTask[] {
  const placed = new Set<string>();
  const ordered: DeclaredTask[] = [];
  const place = (task: DeclaredTask): void => {
    if (placed.has(task.id)) return;
    placed.add(task.id);
    for (const other of tasks) if (task.upstream.includes(other.id)) place(other);
    ordered.push(task);
  };
  tasks.forEach(place);
  return ordered;
}
