/**
 * The types of a DAG's edges, held against the JSON Schemas of its activities and parameters. `tsc` has
 * done this for a declaration in TypeScript; a plan from anywhere else is checked here alone.
 */
import type { Fault } from '../contracts/errors.js';
import { jsonPath, type Json, type JsonObject } from '../contracts/json.js';
import type { Declaration, DeclaredTask } from './declare.js';
import { isSource, sourcesIn, type Expression, type Source } from './expression.js';
import {
  ANY,
  conflicts,
  describeShape,
  elementsOf,
  listOf,
  listShape,
  objectShape,
  shapeAt,
  shapeOf,
  shapeOfValue,
  union,
  type Alternative,
  type Shape,
} from './json-shape.js';

/** What edges can be held against. */
export interface EdgeTypes {
  /** Schemas of each activity that has some. */
  readonly activities: { readonly [name: string]: { input?: JsonObject; output?: JsonObject } };
  /** The other DAGs, by id. */
  readonly dags: { readonly [id: string]: Declaration };
}

/** The shapes of a DAG's expressions. */
export interface DagShapes {
  /** What an expression of the task yields; `$item` is an element of what it maps over. */
  of(expression: Expression, task?: DeclaredTask): Shape;
  /** Every edge whose value cannot be what its task takes. */
  faults(): Fault[];
}

const STRING = shapeOf({ type: 'string' });
const BOOLEAN = shapeOf({ type: 'boolean' });
const LIST = shapeOf({ type: 'array' });

/** The shapes of a DAG's expressions, and what is wrong with them. */
export function dagShapes(file: string, declaration: Declaration, types: EdgeTypes): DagShapes {
  const byId = new Map(declaration.tasks.map((task) => [task.id, task]));
  const outputs = new Map<string, Shape>();

  const outputOf = (task: DeclaredTask): Shape => {
    const known = outputs.get(task.id);
    if (known !== undefined) return known;
    outputs.set(task.id, ANY); // tasks that wait for each other are another fault
    const one = outputOfOne(task);
    const shape = task.map === null ? one : listOf(one);
    outputs.set(task.id, shape);
    return shape;
  };

  const outputOfOne = (task: DeclaredTask): Shape => {
    const { target } = task;
    switch (target.kind) {
      case 'activity':
        return shapeOf(types.activities[target.name]?.output);
      case 'workflow':
        return outputOfDag(target.type, types);
      case 'approval':
        return shapeOf({
          type: 'object',
          properties: {
            option: { enum: target.options },
            by: { type: 'string' },
            expired: { type: 'boolean' },
          },
          required: ['option', 'by', 'expired'],
          additionalProperties: false,
        });
      case 'latest_only':
        return shapeOf({ enum: ['latest', null] });
      case 'inline':
        return of(task.input, task);
    }
  };

  const ofSource = (source: Source, task: DeclaredTask | undefined): Shape => {
    if ('$text' in source || '$run' in source) return STRING;
    if ('$product' in source) {
      const lists = Object.entries(source.$product);
      return listOf(
        objectShape(
          Object.fromEntries(
            lists.map(([name, list]) => [name, elementsOf(of(list, task)) ?? ANY]),
          ),
        ),
      );
    }
    return shapeAt(wholeOf(source, task), source.path) ?? ANY;
  };

  /** What a source's path starts from. */
  const wholeOf = (source: Walked, task: DeclaredTask | undefined): Shape => {
    if ('$param' in source) return paramShape(declaration, source.$param);
    if ('$item' in source) {
      return (task?.map == null ? undefined : elementsOf(of(task.map.over, task))) ?? ANY;
    }
    const producer = byId.get(source.$task);
    return producer === undefined ? ANY : outputOf(producer);
  };

  const of = (expression: Expression, task?: DeclaredTask): Shape => {
    if (expression === null || typeof expression !== 'object') return shapeOfValue(expression);
    if (isList(expression)) return listShape(expression.map((element) => of(element, task)));
    if (isSource(expression)) {
      return { ...ofSource(expression, task), origin: originOf(expression) };
    }
    return objectShape(
      Object.fromEntries(Object.entries(expression).map(([key, value]) => [key, of(value, task)])),
    );
  };

  const faultsOf = (task: DeclaredTask): Fault[] => {
    const held = (what: string, expression: Expression, expected: Shape): Fault[] =>
      conflicts(of(expression, task), expected).map(
        ({ path, found, expected: wanted, origin }) => ({
          code: 'TASK_EDGE_TYPE',
          file,
          found: `${what} of "${task.id}" at ${path}: ${found}${origin === undefined ? '' : ` (${origin})`}`,
          expected: wanted,
          fix: `correct the ${what} of "${task.id}", or what it is taken from`,
        }),
      );
    const { input, map, when, summary } = task;
    return [
      ...[input, map?.over ?? null, when, summary].flatMap((part) => deadEnds(part, task)),
      ...held('input', input, expectedBy(task, types)),
      ...(map === null ? [] : held('over', map.over, LIST)),
      ...(when === null ? [] : held('when', when, BOOLEAN)),
    ];
  };

  /** References whose path leads nowhere. */
  const deadEnds = (expression: Expression, task: DeclaredTask | undefined): Fault[] =>
    sourcesIn(expression).flatMap((source): Fault[] => {
      if (!('path' in source)) return [];
      const where = task === undefined ? 'the output of the DAG' : `"${task.id}"`;
      if ('$item' in source && task?.map == null) {
        const found = `${where} reads an element, but maps over nothing`;
        const fix = 'declare it with d.map(), or take the element from elsewhere';
        return [{ code: 'TASK_EDGE_TYPE', file, found, fix }];
      }
      const whole = wholeOf(source, task);
      const dead = source.path.findIndex(
        (_, index) => shapeAt(whole, source.path.slice(0, index + 1)) === undefined,
      );
      if (dead < 0) return [];
      const before = shapeAt(whole, source.path.slice(0, dead)) ?? ANY;
      return [
        {
          code: 'TASK_EDGE_TYPE',
          file,
          found: `${where} reads ${originOf(source)}, where nothing is`,
          expected: `a part of ${jsonPath(source.path.slice(0, dead))}: ${describeShape(before)}`,
          fix: 'correct the path',
        },
      ];
    });

  return {
    of,
    faults: () => [
      ...declaration.tasks.flatMap(faultsOf),
      ...deadEnds(declaration.output, undefined),
    ],
  };
}

type Walked = Extract<Source, { readonly path: readonly string[] }>;

/** What a task's input must be. */
function expectedBy({ target, branch }: DeclaredTask, { activities, dags }: EdgeTypes): Shape {
  switch (target.kind) {
    case 'activity':
      return shapeOf(activities[target.name]?.input);
    case 'workflow': {
      const dag = dags[target.type];
      return dag === undefined ? ANY : inputOfDag(dag);
    }
    case 'approval':
      return STRING;
    case 'inline': {
      if (branch === null) return ANY;
      const word = { enum: Object.keys(branch.cases) };
      const words = word.enum.length === 0 ? { type: 'string' } : word; // else a word is a task's id
      return shapeOf({ anyOf: [words, { type: 'array', items: words }, { type: 'null' }] });
    }
    case 'latest_only':
      return ANY;
  }
}

/** What a task that runs a DAG hands it. Parameters that are left out have their defaults. */
function inputOfDag(dag: Declaration): Shape {
  const names = Object.keys(dag.params);
  const params = names.map((name) => [name, paramShape(dag, name)] as const);
  const partition = { required: dag.partitions === 'none' ? [] : ['partition'] };
  return anObject(
    {
      partition: STRING,
      params: anObject(Object.fromEntries(params), { required: [] }),
    },
    partition,
  );
}

function anObject(
  properties: { readonly [key: string]: Shape },
  { required }: { readonly required: readonly string[] },
): Shape {
  const { alternatives } = objectShape(properties);
  return { alternatives: alternatives.map((object): Alternative => ({ ...object, required })) };
}

const open = new Set<string>();

/** What a run of a DAG returns. */
function outputOfDag(id: string, types: EdgeTypes): Shape {
  const dag = types.dags[id];
  if (dag === undefined || open.has(id)) return ANY;
  open.add(id); // a DAG may run itself
  try {
    return dagShapes(id, dag, types).of(dag.output);
  } finally {
    open.delete(id);
  }
}

/** The shape of a parameter: by its schema, else by its default. */
function paramShape(dag: Declaration, name: string): Shape {
  const schema = dag.paramSchemas[name];
  return schema === undefined ? typeOfDefault(dag.params[name] ?? null) : shapeOf(schema);
}

/** What a default says of the values that may replace it: `null` and an empty list say nothing. */
function typeOfDefault(value: Json): Shape {
  if (value === null) return ANY;
  if (Array.isArray(value)) {
    return value.length === 0 ? LIST : listOf(union(value.map((e: Json) => typeOfDefault(e))));
  }
  if (typeof value !== 'object') return shapeOf({ type: typeof value });
  const known = new Map(Object.entries(value).map(([key, part]) => [key, typeOfDefault(part)]));
  const { alternatives } = shapeOf({ type: 'object' });
  return {
    alternatives: alternatives.map((object) => ({
      ...object,
      keys: [...known.keys()],
      property: (key) => known.get(key) ?? ANY,
    })),
  };
}

function originOf(source: Source): string {
  if ('$task' in source) return `output ${jsonPath(source.path)} of "${source.$task}"`;
  if ('$param' in source) return `parameter ${jsonPath([source.$param, ...source.path])}`;
  if ('$item' in source) return `element ${jsonPath(source.path)}`;
  if ('$run' in source) return `the run's ${source.$run}`;
  return '$text' in source ? 'text' : 'product';
}

function isList(expression: Expression): expression is readonly Expression[] {
  return Array.isArray(expression);
}
