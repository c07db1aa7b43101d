/** Asking a closed run for what the tables `runs` and `task_runs` say of it. */

/** Query of a run: its `ClosedRun`, null before its end. */
export const CLOSED_RUN_QUERY = 'closed-run';
