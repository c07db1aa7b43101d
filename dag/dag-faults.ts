/** Everything that can be wrong with a DAG before it runs, found in one go, each fault with its mend. */
import type { Fault } from '../contracts/errors.js';
import { showJson, type JsonObject } from '../contracts/json.js';
import { findCycles } from './cycles.js';
import type { CompileOptions } from './compile.js';
import type { Declaration, DeclaredTask } from './declare.js';
import { dagShapes, type DagShapes } from './edge-types.js';
import { sourcesIn, tasksRead, type Expression } from './expression.js';
import { inOrder } from './order.js';
import { isOnly, valuesOf } from './json-shape.js';
import { unreachableTasks } from './reachability.js';
import { schemaFaults, schemaProblem } from './schema-check.js';
import { scheduleFaults } from './schedule-faults.js';
import { callbackFaults, idFaults, isWhole, taskFaults, type Report } from './task-faults.js';

/** The faults of a DAG, none when it is sound. */
export function dagFaults(
  file: string,
  declaration: Declaration,
  { catalogue, workflowTypes, dags = {} }: CompileOptions,
): Fault[] {
  const { tasks, schedule, partitions } = declaration;
  const shapes = dagShapes(file, declaration, { activities: catalogue, dags });
  return [
    ...declaration.faults.map((fault) => ({ ...fault, file })),
    ...shapeFaults(file, declaration),
    ...(schedule === null ? [] : scheduleFaults(schedule, partitions, file)),
    ...paramFaults(file, declaration),
    ...duplicates(file, declaration),
    ...tasks.flatMap((task) => taskFaults(task, file)),
    ...unknownTasks(file, declaration),
    ...unknownTargets(file, tasks, Object.keys(catalogue), workflowTypes),
    ...findCycles(tasks).map((cycle): Fault => {
      const fix = `drop one of these ${cycle.length - 1} edges`;
      return { code: 'DAG_CYCLE', file, found: cycle.join(' -> '), fix };
    }),
    ...setupFaults(file, tasks),
    ...shapes.faults(),
    ...unreachable(file, tasks, shapes),
    ...unused(file, declaration),
  ];
}

function shapeFaults(file: string, declaration: Declaration): Fault[] {
  const { tasks, timeoutMs, callbacks } = declaration;
  const faults: Fault[] = [];
  const report = reporter(faults, 'DAG_INVALID', file);
  idFaults('DAG id', file, report);
  if (tasks.length === 0) report('a DAG without tasks', 'at least one', 'declare a task');
  if (timeoutMs !== null && !isWhole(timeoutMs, 1)) {
    report(`timeoutMs ${showJson(timeoutMs)}`, 'whole milliseconds above 0', 'correct it');
  }
  callbackFaults('the DAG', callbacks, report);
  return faults;
}

/** Parameters: names, defaults and schemas. A default of null means that whoever starts a run gives the value. */
function paramFaults(file: string, { params, paramSchemas }: Declaration): Fault[] {
  const faults: Fault[] = [];
  const report = reporter(faults, 'DAG_INVALID', file);
  for (const [name, value] of Object.entries(params)) {
    idFaults('parameter', name, report);
    const schema = paramSchemas[name] as JsonObject | undefined; // as `param` has written it
    if (schema === undefined) continue;
    const problem = schemaProblem(schema);
    if (problem !== undefined) {
      const found = `the schema of parameter "${name}": ${problem}`;
      report(found, 'JSON Schema, draft 2020-12', 'correct the schema');
      continue;
    }
    if (value === null) continue;
    for (const { path, found, expected } of schemaFaults(schema, value)) {
      const fix = 'correct the default or the schema';
      report(`the default of parameter "${name}" at ${path}: ${found}`, expected, fix);
    }
  }
  return faults;
}

function duplicates(file: string, { tasks, groups }: Declaration): Fault[] {
  const ids = tasks.map(({ id }) => id);
  const known = new Set(ids);
  return [
    ...repeated(ids).map((id): Fault => ({
      code: 'DAG_DUPLICATE_TASK',
      file,
      found: `two tasks "${id}"`,
      fix: 'rename one',
    })),
    ...repeated(groups).map((id): Fault => ({
      code: 'DAG_DUPLICATE_TASK',
      file,
      found: `two groups "${id}"`,
      fix: 'rename one',
    })),
    ...groups
      .filter((id) => known.has(id))
      .map((id): Fault => ({
        code: 'DAG_DUPLICATE_TASK',
        file,
        found: `a group and a task "${id}"`,
        fix: 'rename one',
      })),
  ];
}

/** Tasks that are named where a task must stand, and are none of this DAG. */
function unknownTasks(file: string, { tasks, output }: Declaration): Fault[] {
  const ids = new Set(tasks.map(({ id }) => id));
  const missing = (task: string, names: readonly string[], how: string): Fault[] =>
    [...new Set(names)]
      .filter((name) => !ids.has(name))
      .map((name) => ({
        code: 'DAG_UNKNOWN_UPSTREAM',
        file,
        found: `${task} ${how} "${name}"`,
        expected: `one of ${[...ids].join(', ') || 'no tasks at all'}`,
        fix: 'use the reference that d.task() of this DAG returned',
      }));
  return [
    ...tasks.flatMap((task) => {
      const { id, upstream, summary, branch, teardown } = task;
      const read = tasksRead([task.input, task.map?.over ?? null, task.when]);
      const hidden = read.filter((other) => ids.has(other) && !upstream.includes(other));
      return [
        ...missing(`"${id}"`, [...upstream, ...read, ...tasksRead(summary)], 'depends on'),
        ...missing(`"${id}"`, Object.values(branch?.cases ?? {}).flat(), 'chooses'),
        ...missing(`"${id}"`, teardown?.setups ?? [], 'tears down'),
        ...hidden.map((other): Fault => ({
          code: 'DAG_INVALID',
          file,
          found: `"${id}" reads the output of "${other}", which is not among its upstream tasks`,
          expected: `"${other}" in upstream`,
          fix: 'add it, or the task may run before the value is there',
        })),
      ];
    }),
    ...missing('the output of the DAG', tasksRead(output), 'reads'),
  ];
}

function unknownTargets(
  file: string,
  tasks: readonly DeclaredTask[],
  activities: readonly string[],
  workflowTypes: readonly string[],
): Fault[] {
  return tasks.flatMap(({ id, target }): Fault[] => {
    if (target.kind !== 'activity' && target.kind !== 'workflow') return [];
    const [known, name] =
      target.kind === 'activity' ? [activities, target.name] : [workflowTypes, target.type];
    if (known.includes(name)) return [];
    return [
      {
        code: 'DAG_UNKNOWN_TARGET',
        file,
        found: `"${id}" runs the ${target.kind} "${name}"`,
        expected: `one of ${known.join(', ')}`,
        fix: `register it, or correct the name in "${id}"`,
      },
    ];
  });
}

/** What follows a setup directly needs it, so only its success can let that run. */
function setupFaults(file: string, tasks: readonly DeclaredTask[]): Fault[] {
  const faults: Fault[] = [];
  const report = reporter(faults, 'DAG_INVALID', file);
  const byId = new Map(tasks.map((task) => [task.id, task]));
  for (const { id, upstream, triggerRule, teardown } of tasks) {
    for (const setup of teardown?.setups ?? []) {
      if (byId.get(setup)?.setup === false) {
        const fix = `declare "${setup}" with d.setup()`;
        report(`"${id}" tears down "${setup}", which is no setup`, 'a setup', fix);
      } else if (!upstream.includes(setup)) {
        report(`"${id}" tears down "${setup}" without following it`, 'an edge', 'add it');
      }
    }
    if (teardown !== null || triggerRule === 'all_success') continue;
    for (const setup of upstream.filter((other) => byId.get(other)?.setup === true)) {
      report(
        `"${id}" follows the setup "${setup}" with the rule ${triggerRule}`,
        'all_success directly behind a setup',
        'drop the rule, or put a task in between',
      );
    }
  }
  return faults;
}

function unreachable(file: string, tasks: readonly DeclaredTask[], shapes: DagShapes): Fault[] {
  const choiceOf = ({ input, branch, target }: DeclaredTask): readonly string[] | undefined => {
    const words = Object.keys(branch?.cases ?? {});
    if (target.kind === 'latest_only') return words;
    const chosen = shapes.of(input);
    if (!isOnly(chosen, 'string', 'null')) return undefined; // it may choose several
    const listed = valuesOf(chosen)?.filter((value) => typeof value === 'string');
    return listed ?? (words.length === 0 ? undefined : words);
  };
  return unreachableTasks(inOrder(tasks), choiceOf).map(({ task, why, fix }) => ({
    code: 'DAG_UNREACHABLE_TASK',
    file,
    found: `"${task}" can never run: ${why}`,
    fix,
  }));
}

/** Parameters, words and decisions that change nothing. */
function unused(file: string, { tasks, params, output }: Declaration): Fault[] {
  const faults: Fault[] = [];
  const report = reporter(faults, 'DAG_UNUSED', file);
  const expressions: Expression[] = [
    output,
    ...tasks.flatMap(({ input, map, when, summary }) => [input, map?.over ?? null, when, summary]),
  ];
  const sources = sourcesIn(expressions);
  const readParams = new Set(sources.flatMap((one) => ('$param' in one ? [one.$param] : [])));
  const readTasks = new Set(sources.flatMap((one) => ('$task' in one ? [one.$task] : [])));
  const followed = new Set(tasks.flatMap(({ upstream }) => upstream));
  for (const name of Object.keys(params)) {
    if (readParams.has(name)) continue;
    report(`the parameter "${name}" is read by no task`, 'a reader', 'use it, or drop it');
  }
  for (const name of readParams) {
    if (Object.hasOwn(params, name)) continue;
    faults.push({
      code: 'DAG_UNKNOWN_PARAM',
      file,
      found: `a task reads the parameter "${name}"`,
      expected: `one of ${Object.keys(params).join(', ') || 'no parameters at all'}`,
      fix: 'declare it in `params`, or correct the name',
    });
  }
  for (const { id, target, branch, shortCircuit } of tasks) {
    const decides = branch !== null || shortCircuit !== null;
    if (decides && !followed.has(id)) {
      report(`nothing follows the decision "${id}"`, 'a task behind it', 'add one, or drop it');
      continue;
    }
    for (const [word, followers] of Object.entries(branch?.cases ?? {})) {
      if (followers.length > 0) continue;
      const fix = 'add a task, drop the word, or choose null where nothing is to follow';
      report(`nothing follows the word "${word}" of "${id}"`, `a task after it`, fix);
    }
    if (target.kind === 'inline' && !decides && !followed.has(id) && !readTasks.has(id)) {
      report(`nobody reads the value "${id}"`, 'a reader', 'use it, or drop it');
    }
  }
  return faults;
}

function reporter(faults: Fault[], code: Fault['code'], file: string): Report {
  return (found, expected, fix) => void faults.push({ code, file, found, expected, fix });
}

function repeated(ids: readonly string[]): string[] {
  const seen = new Set<string>();
  return [...new Set(ids.filter((id) => seen.has(id) || !seen.add(id)))];
}
