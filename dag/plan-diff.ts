/** What differs between two plans of a DAG: what a rerun on the latest plan would do otherwise. */
import type { Json } from '../contracts/json.js';
import { hashJson } from './plan-hash.js';
import type { Plan, PlanTask } from './plan.js';

/** From one plan to another. */
export interface PlanDiff {
  /** Hashes of the plans. */
  readonly from: string;
  readonly to: string;
  /** Fields of the plan itself; parameters one by one, as `params.NAME`. */
  readonly fields: readonly FieldChange[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly TaskChange[];
}

/** A task that both plans have, and what differs in it. */
export interface TaskChange {
  readonly task: string;
  readonly fields: readonly FieldChange[];
}

/** A value before and after; null where there was or is none. */
export interface FieldChange {
  /** With the parts of an object one by one: `target.contract`. */
  readonly field: string;
  readonly before: Json;
  readonly after: Json;
}

/** A plan and its hash: a plan of an older format is not hashed again, for it has been filled in. */
export interface HashedPlan {
  readonly plan: Plan;
  readonly hash: string;
}

/** What differs, tasks in the order of the newer plan, fields in alphabetical order. */
export function planDiff(from: HashedPlan, to: HashedPlan): PlanDiff {
  const [before, after] = [from.plan, to.plan];
  const old = new Map(before.tasks.map((task) => [task.id, task]));
  const ids = new Set(after.tasks.map(({ id }) => id));
  return {
    from: from.hash,
    to: to.hash,
    fields: changes(fieldsOf(before, OF_PLAN), fieldsOf(after, OF_PLAN)),
    added: after.tasks.filter(({ id }) => !old.has(id)).map(({ id }) => id),
    removed: before.tasks.filter(({ id }) => !ids.has(id)).map(({ id }) => id),
    changed: after.tasks.flatMap((task) => {
      const earlier = old.get(task.id);
      if (earlier === undefined) return [];
      const fields = changes(fieldsOf(earlier, OF_TASK), fieldsOf(task, OF_TASK));
      return fields.length === 0 ? [] : [{ task: task.id, fields }];
    }),
  };
}

/**
 * Tasks whose outputs of the earlier plan do not stand for those of the newer one: they are new, or do
 * something else or with something else. When and where a task runs changes no output.
 */
export function outdatedTasks({ added, changed }: PlanDiff): string[] {
  const redone = changed.filter(({ fields }) =>
    fields.some(
      ({ field }) => !KEEPS_OUTPUT.some((name) => field === name || field.startsWith(`${name}.`)),
    ),
  );
  return [...added, ...redone.map(({ task }) => task)];
}

const KEEPS_OUTPUT = [
  'callbacks',
  'map.width',
  'setup',
  'summary',
  'target.deadlineMs',
  'target.queue',
  'target.retry',
  'target.timeoutMs',
  'teardown',
  'triggerRule',
  'updates',
  'upstream',
];

type Fields = { readonly [field: string]: Json };

/** The fields of a plan or a task; those named in `parts` are taken apart, those in `without` left out. */
function fieldsOf(
  value: Plan | PlanTask,
  { parts, without }: { readonly parts: readonly string[]; readonly without: readonly string[] },
): Fields {
  const fields = Object.entries(value as unknown as Fields); // a plan is JSON
  return Object.fromEntries(
    fields.flatMap(([name, field]) => {
      if (without.includes(name)) return [];
      if (!parts.includes(name)) return [[name, field]];
      return Object.entries(field ?? {}).map(([part, inner]) => [`${name}.${part}`, inner as Json]); // JSON inside too
    }),
  );
}

const OF_PLAN = { parts: ['params', 'paramSchemas'], without: ['format', 'dag', 'tasks'] };
const OF_TASK = { parts: ['target', 'map'], without: ['id'] };

function changes(before: Fields, after: Fields): FieldChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .map((field) => ({ field, before: before[field] ?? null, after: after[field] ?? null }))
    .filter((change) => hashJson(change.before) !== hashJson(change.after));
}
