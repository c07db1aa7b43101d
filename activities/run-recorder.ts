/**
 * Closed runs on their way into the tables. Temporal's history is the record of a run; `runs` and
 * `task_runs` are made from it when the run is over, so that no run waits for them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { CLOSED_RUN_QUERY } from '../contracts/closed-run.js';
import type { ClosedRun } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';
import { SEARCH_ATTRIBUTES } from '../contracts/queues.js';
import type { RunRecord } from '../dag/run-record.js';
import { runHistory, type ClosedExecution } from './run-history.js';

/** Writes closed runs to the tables of a home, in the background. */
export interface RunRecorder {
  /** For a worker that serves workflows: through these the interpreter tells of each run's end. */
  readonly sinks: {
    readonly runs: {
      readonly closed: {
        fn(execution: { workflowId: string; runId: string }, run: ClosedRun<RunRecord>): void;
        readonly callDuringReplay: false;
      };
    };
  };
  /** Writes the runs that closed while nobody listened. Resolves when all are in the tables. */
  catchUp(): Promise<void>;
  /** Resolves when all that was heard of is in the tables, or has failed and is left to `catchUp`. */
  settled(): Promise<void>;
}

/** The worker hears of an end before the server does, and tells it only when it is free. */
const GATHER_MS = 20;

/**
 * The recorder of one home.
 *
 * @param say hears of runs that could not be written
 */
export function runRecorder(
  layout: HomeLayout,
  temporal: Client,
  say: (line: string) => void = console.error,
): RunRecorder {
  const history = runHistory(layout, temporal);
  let waiting: ClosedExecution[] = [];
  let writing: Promise<void> | undefined;

  /** Runs that close together are written together. */
  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      await sleep(GATHER_MS);
      const taken = waiting;
      waiting = [];
      await history.record(taken).catch(() => oneByOne(taken));
    }
    writing = undefined;
  }

  /** One that cannot be written must not keep the others from the tables. */
  async function oneByOne(runs: readonly ClosedExecution[]): Promise<void> {
    for (const run of runs) {
      await history.record([run]).catch((error: unknown) => sayNotRecorded(run, error));
    }
  }

  function take(closed: ClosedExecution): void {
    waiting.push(closed);
    writing ??= writeAll();
  }

  /** Asks a closed run what it was; the answer is worked out from its history. */
  async function ask(workflowId: string, temporalRunId: string): Promise<void> {
    try {
      const handle = temporal.workflow.getHandle(workflowId, temporalRunId);
      const run = await handle.query<ClosedRun<RunRecord> | null>(CLOSED_RUN_QUERY);
      // a run that continued as new goes by its first execution
      if (run !== null) {
        take({ workflowId, temporalRunId: run.temporalRunId ?? temporalRunId, run });
      }
    } catch (error) {
      sayNotRecorded({ workflowId }, error);
    }
  }

  function sayNotRecorded({ workflowId }: { workflowId: string }, error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    say(`${workflowId}: not recorded yet: ${why}`);
  }

  const settled = async (): Promise<void> => writing;

  return {
    settled,
    sinks: {
      runs: {
        closed: {
          fn: ({ workflowId, runId }, run) =>
            take({ workflowId, temporalRunId: run.temporalRunId ?? runId, run }),
          callDuringReplay: false,
        },
      },
    },

    async catchUp() {
      await settled();
      const recorded = await history.recorded();
      for await (const execution of temporal.workflow.list({ query: CLOSED_RUNS })) {
        const { workflowId, runId, raw } = execution;
        if (!recorded.has(raw.firstRunId || runId)) await ask(workflowId, runId);
      }
      await settled();
    },
  };
}

/** Runs of DAGs that came to an end of their own; one that was terminated has no record. */
const CLOSED_RUNS = `${SEARCH_ATTRIBUTES.dag} IS NOT NULL AND ExecutionStatus IN ('Completed', 'Failed', 'Canceled')`;
