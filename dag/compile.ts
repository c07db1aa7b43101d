/**
 * From a declaration to a plan. Every fault of the DAG is found in one go, each with its mend.
 */
import { errorOf, type Fault } from '../contracts/errors.js';
import { INTERNAL_WORKFLOWS } from '../contracts/internal-workflows.js';
import type { JsonObject } from '../contracts/json.js';
import type { Queue } from '../contracts/queues.js';
import { dagFaults } from './dag-faults.js';
import type { Dag, Declaration, DeclaredTask } from './declare.js';
import { inOrder } from './order.js';
import type { Plan, PlanTask, RetryRule } from './plan.js';
import { assetFaults } from './schedule-faults.js';

/** What the code says of each activity. */
export interface ActivityCatalogue {
  readonly [name: string]: {
    readonly contract: string;
    readonly queue: Queue;
    readonly timeoutMs: number;
    readonly retry: RetryRule;
    /** JSON Schema of what it takes; without one any value passes. */
    readonly input?: JsonObject;
    /** JSON Schema of what it gives. */
    readonly output?: JsonObject;
  };
}

/** What a declaration needs to become a plan. */
export interface CompileOptions {
  readonly catalogue: ActivityCatalogue;
  readonly codeVersion: string;
  /** Workflow types that tasks may run: the other DAGs and the native workflows. */
  readonly workflowTypes: readonly string[];
  /** Declarations of DAGs by id: what tasks hand to those, and take from them, is checked too. */
  readonly dags?: { readonly [id: string]: Declaration };
}

/**
 * The plan of a DAG.
 *
 * @throws PipelineError DAG_INVALID listing every fault, or the fault itself when there is one only
 */
export function compile(dag: AnyDag, options: CompileOptions): Plan {
  refuse(dagFaults(dag.type, dag.declaration, options));
  return toPlan(dag, options);
}

/**
 * The plans of DAGs that belong together, by id: what one hands to another fits as well.
 *
 * @throws PipelineError DAG_INVALID listing every fault of all of them, or the fault itself when there is one only
 */
export function compileAll(
  dags: readonly AnyDag[],
  options: Omit<CompileOptions, 'workflowTypes' | 'dags'> & {
    /** Workflow types written in code. */
    readonly nativeWorkflows: readonly string[];
  },
): Map<string, Plan> {
  const ids = dags.map(({ type }) => type);
  const { nativeWorkflows } = options;
  const all: CompileOptions = {
    ...options,
    workflowTypes: [...ids, ...nativeWorkflows],
    dags: Object.fromEntries(dags.map(({ type, declaration }) => [type, declaration])),
  };
  refuse([
    ...ids.flatMap((id, index): Fault[] => {
      const isWorkflow = [...nativeWorkflows, ...INTERNAL_WORKFLOWS].includes(id);
      if (ids.indexOf(id) === index && !isWorkflow) return [];
      const other = isWorkflow ? 'a native workflow' : 'another DAG';
      const found = `a DAG and ${other} "${id}"`;
      return [
        { code: 'DAG_INVALID', file: id, found, expected: 'a name for each', fix: 'rename one' },
      ];
    }),
    ...dags.flatMap(({ type, declaration }) => dagFaults(type, declaration, all)),
    ...assetFaults(
      dags.map(({ type, declaration: { partitions, schedule, tasks } }) => ({
        dag: type,
        partitions,
        schedule,
        updates: tasks.flatMap(({ updates }) => updates),
      })),
    ),
  ]);
  return new Map(dags.map((dag) => [dag.type, toPlan(dag, all)]));
}

type AnyDag = Dag<never, unknown> | Dag;

function refuse([first, ...others]: readonly Fault[]): void {
  if (first !== undefined) throw errorOf('DAG_INVALID', [first, ...others]);
}

function toPlan(dag: AnyDag, options: CompileOptions): Plan {
  const { tasks, groups: _groups, faults: _faults, ...shape } = dag.declaration;
  return {
    format: 2,
    dag: dag.type,
    ...shape,
    codeVersion: options.codeVersion,
    tasks: inOrder(tasks).map((task) => planTask(task, options.catalogue)),
  };
}

/** The faults of a plan from elsewhere, such as one written by hand; none when it is sound. */
export function planFaults(plan: Plan, options: Omit<CompileOptions, 'codeVersion'>): Fault[] {
  const tasks = plan.tasks.map((task): DeclaredTask => {
    const { target } = task;
    if (target.kind !== 'activity') return { ...task, target, tries: {} };
    const { retry, timeoutMs, deadlineMs } = target;
    const tries = { retry, timeoutMs, ...(deadlineMs !== null && { deadlineMs }) };
    return { ...task, target: { kind: 'activity', name: target.name }, tries };
  });
  return dagFaults(
    plan.dag,
    { ...plan, tasks, groups: [], faults: [] },
    { codeVersion: '', ...options },
  );
}

function planTask({ tries, ...task }: DeclaredTask, catalogue: ActivityCatalogue): PlanTask {
  const { target } = task;
  if (target.kind !== 'activity') return { ...task, target };
  const entry = catalogue[target.name]!; // `dagFaults` has refused unknown activities
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
