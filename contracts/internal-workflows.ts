/** Workflow types with which the engine does its own work; `sentinel runs list` leaves them out. */
export const INTERNAL_WORKFLOWS: readonly string[] = [
  'asset-trigger',
  'backfill',
  'backfill-dry-run',
  'lifecycle',
  'map-batch',
  'schedule-tick',
];
