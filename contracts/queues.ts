/**
 * Temporal task queues, cut by what a task needs: `control` decides (workflows and quick calls), `io`
 * waits for disks and networks, `cpu` computes, one child process per task, and `triggers` starts runs
 * by itself: while nobody serves it, ticks and updates of assets wait.
 */
export const QUEUES = ['control', 'io', 'cpu', 'triggers'] as const;

/** A task queue; a worker serves one or several. */
export type Queue = (typeof QUEUES)[number];

/** Custom search attributes of every run, all keywords; the server must know them before the first run. */
export const SEARCH_ATTRIBUTES = {
  dag: 'SentinelDag',
  partition: 'SentinelPartition',
  planHash: 'SentinelPlanHash',
  state: 'SentinelState',
} as const;
