/** The plan store: `plans/<hash>.json`, written once and never changed. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import { hashJson, planHash } from '../dag/plan-hash.js';
import { readPlan, type Plan, type PlanDocument } from '../dag/plan.js';

/** Plans by hash. */
export interface PlanStore {
  /** The plan this code compiles for a DAG; it is in the store from then on. */
  latest(dag: string): Promise<{ plan: Plan; hash: string }>;
  read(hash: string): Promise<Plan>;
  write(plan: Plan): Promise<string>;
}

/**
 * The plan of a DAG.
 *
 * @throws PipelineError DAG_UNKNOWN
 */
export function planOf(plans: ReadonlyMap<string, Plan>, dag: string): Plan {
  const plan = plans.get(dag);
  if (plan !== undefined) return plan;
  throw new PipelineError({
    code: 'DAG_UNKNOWN',
    found: `no DAG "${dag}"`,
    expected: `one of ${[...plans.keys()].join(', ')}`,
    fix: 'see `sentinel dags list`; a new DAG needs a worker that knows it',
  });
}

/** A store in `folder`, whose latest plans are `compiled`. */
export function planStore(folder: string, compiled: ReadonlyMap<string, Plan>): PlanStore {
  const fileOf = (hash: string): string => join(folder, `${hash}.json`);

  /** Plans never change, so one that was read is read for good. */
  const known = new Map<string, Plan>();
  const hashes = new WeakMap<Plan, string>();

  async function write(plan: Plan): Promise<string> {
    const hash = hashes.get(plan) ?? planHash(plan);
    hashes.set(plan, hash);
    if (existsSync(fileOf(hash))) return hash;
    const temporary = join(folder, `.${hash}.${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    await writeFile(temporary, JSON.stringify(plan, null, 2));
    await rename(temporary, fileOf(hash)); // same hash, same bytes: replacing is harmless
    return hash;
  }

  return {
    write,
    async latest(dag) {
      const plan = planOf(compiled, dag);
      return { plan, hash: await write(plan) };
    },
    async read(hash) {
      const before = known.get(hash);
      if (before !== undefined) return before;
      let text: string;
      try {
        text = await readFile(fileOf(hash), 'utf8');
      } catch (cause) {
        throw new PipelineError(
          {
            code: 'PLAN_NOT_FOUND',
            file: fileOf(hash),
            found: 'no such plan in this home',
            fix: 'run without a plan hash, or restore the plans/ folder',
          },
          { cause },
        );
      }
      const document = JSON.parse(text) as PlanDocument; // its hash is checked next
      if (hashJson(document) === hash) {
        const plan = readPlan(document);
        known.set(hash, plan);
        return plan;
      }
      throw new PipelineError({
        code: 'PLAN_NOT_FOUND',
        file: fileOf(hash),
        found: 'a plan with another hash: the file was changed',
        fix: 'restore it from a backup; plans are never edited',
      });
    },
  };
}
