/**
 * Heavy work outside the worker: one child process per task. The worker heartbeats for it, kills it
 * when the task is cancelled, and survives when it dies; the child writes to its staging folder only.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { activityInfo, CancelledFailure, Context } from '@temporalio/activity';
import { ERROR_CODES, PipelineError, type Fault } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { tellProgress } from './heartbeats.js';
import type { JobInput, JobName, JobOutput } from './jobs/index.js';
import { taskLog } from './task-log.js';

/** What a child hears first. */
export interface ComputeRequest {
  readonly job: JobName;
  readonly input: unknown;
  readonly home: string;
  readonly setupDir: string;
  readonly stagingDir: string;
  readonly checkpointDir: string;
  readonly threads: number;
}

/** What a child says. */
export type ComputeReply =
  | { readonly kind: 'progress'; readonly detail: string }
  | { readonly kind: 'done'; readonly output: unknown }
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'crash'; readonly message: string };

/** Where children work and what they run. */
export interface ComputeOptions {
  readonly layout: HomeLayout;
  readonly setupDir: string;
  /** The compiled child program. */
  readonly entry: string;
  /** Threads of one child. @default one for each core */
  readonly threads?: number;
}

/** What a job answered, and the folder it wrote to. */
export interface Staged<O> {
  readonly output: O;
  readonly stagingDir: string;
}

/** Runs heavy jobs, one child process each. */
export interface Compute {
  /**
   * Runs a job in a child, then `commit` here; the staging folder is gone afterwards, and the task's
   * checkpoints when no other try will follow.
   *
   * @throws PipelineError what the job threw, or COMPUTE_CHILD_FAILED when the child died
   */
  <K extends JobName, R>(
    job: K,
    input: JobInput<K>,
    commit: (staged: Staged<JobOutput<K>>) => Promise<R>,
  ): Promise<R>;
}

/** A child may use this long to end by itself before it is killed. */
const GRACE_MS = 1_000;

/** Runs jobs of one home. */
export function createCompute(options: ComputeOptions): Compute {
  const { layout, setupDir, entry, threads = cpus().length } = options;
  return async (job, input, commit) => {
    const folder = encodeURIComponent(taskKey());
    const stagingDir = join(layout.staging, folder, String(activityInfo().attempt));
    const checkpointDir = join(layout.checkpoints, folder);
    await mkdir(stagingDir, { recursive: true });
    tellProgress(job);
    try {
      const places = { home: layout.home, setupDir, stagingDir, checkpointDir };
      const output = await runChild(entry, { job, input, ...places, threads });
      tellProgress(`${job}: committing`);
      // the job's own type
      const committed = await commit({ output: output as JobOutput<typeof job>, stagingDir });
      await rm(checkpointDir, { recursive: true, force: true });
      return committed;
    } catch (error) {
      if (isLastTry(error)) await rm(checkpointDir, { recursive: true, force: true });
      throw error;
    } finally {
      await rm(stagingDir, { recursive: true, force: true });
      // the task's folder; another try of the task may have its own folder in it
      await rmdir(dirname(stagingDir)).catch(() => undefined);
    }
  };
}

/** Identity of the task that is running, the same in every try: key of all it commits. */
export function taskKey(): string {
  const { workflowExecution, activityId } = activityInfo();
  return `${workflowExecution?.workflowId}/${workflowExecution?.runId}/${activityId}`;
}

/** A fault of the input, or nobody wants the task any more; a worker that stops says something else. */
function isLastTry(error: unknown): boolean {
  if (error instanceof PipelineError) return ERROR_CODES[error.code] === 'final';
  return error instanceof CancelledFailure && error.message === 'CANCELLED';
}

async function runChild(entry: string, request: ComputeRequest): Promise<unknown> {
  const context = Context.current();
  const child = fork(entry, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // idle OpenMP threads sleep: with busy cores, spinning makes a run many times slower
    env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', TF_CPP_MIN_LOG_LEVEL: '2' },
  });
  const exited = once(child, 'exit').catch(() => undefined); // one that did not start is told of below
  const read = follow(child, context);
  try {
    const reply = new Promise<unknown>((resolve, reject) => {
      child.on('message', (message: ComputeReply) => {
        if (message.kind === 'progress') tellProgress(message.detail, context);
        else if (message.kind === 'done') resolve(message.output);
        else if (message.kind === 'fault') reject(new PipelineError(message.fault));
        else reject(childFailed(request.job, message.message));
      });
      child.once('exit', (code, signal) => {
        reject(
          childFailed(request.job, signal === null ? `exit code ${code}` : `signal ${signal}`),
        );
      });
      child.once('error', reject);
    });
    child.send(request);
    return await Promise.race([reply, context.cancelled]);
  } finally {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await exited;
    clearTimeout(timer);
    await read;
  }
}

/** What a child writes stands in the log of its task, and in the worker's with the task in front; to its end. */
async function follow(child: ChildProcess, context: Context): Promise<void> {
  const { workflowExecution, activityId } = context.info;
  const label = `${workflowExecution?.workflowId} ${activityId}`;
  const copy = async (from: Readable, level: 'out' | 'err', to: Writable): Promise<void> => {
    createInterface({ input: from }).on('line', (line) => {
      taskLog(context).write(level, line);
      to.write(`${label}: ${line}\n`);
    });
    await finished(from).catch(() => undefined); // a child that was killed may leave half a line
  };
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) return; // it has both, see `fork`
  await Promise.all([copy(stdout, 'out', process.stdout), copy(stderr, 'err', process.stderr)]);
}

function childFailed(job: JobName, found: string): PipelineError {
  return new PipelineError({
    code: 'COMPUTE_CHILD_FAILED',
    found: `the compute child of ${job} ended: ${found}`,
    fix: 'it is tried again; if it dies each time, see `sentinel runs logs` and the free memory',
  });
}
