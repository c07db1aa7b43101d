/** Every DAG of the operator, by id. */
import { daily } from './daily.js';
import { ingest } from './ingest.js';
import { monitor, monitorDay } from './monitor.js';
import { retrain } from './retrain.js';
import { train } from './train.js';
import { weekly } from './weekly.js';

/** Every DAG of the operator, by id. */
export const dags = { weekly, daily, ingest, train, monitor, monitor_day: monitorDay, retrain };

/** Workflow types written in code, which a task may run as well. */
export const nativeWorkflows: readonly string[] = [];
