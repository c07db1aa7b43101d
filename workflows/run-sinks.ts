/**
 * How a worker hears of a run's end. A sink is called when the workflow has decided to end, and costs
 * the run nothing; a call is lost when the worker dies at that moment, so what was missed is asked for
 * by query.
 */
import type { Sinks } from '@temporalio/workflow';
import type { ClosedRun } from '../contracts/engine.js';
import type { RunRecord } from '../dag/run-record.js';

/** Sinks of the interpreter; every worker that serves workflows registers them. */
export interface RunSinks extends Sinks {
  runs: { closed(run: ClosedRun<RunRecord>): void };
}
