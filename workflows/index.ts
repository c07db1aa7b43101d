/**
 * The workflow types of a worker: native workflows by name, and every other type is a DAG's id.
 */
export { assetTrigger as 'asset-trigger' } from './asset-trigger.js';
export { interpret as default } from './interpreter.js';
export { backfill, backfillDryRun as 'backfill-dry-run' } from './backfill.js';
export { lifecycle } from './lifecycle.js';
export { mapBatch as 'map-batch' } from './map-batch.js';
export { scheduleTick as 'schedule-tick' } from './schedule-tick.js';
