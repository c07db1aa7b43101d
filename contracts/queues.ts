/**
 * Temporal task queues, cut by what a task needs: `control` decides (workflows and quick calls), `io`
 * waits for disks and networks, `cpu` computes, one child process per task.
 */
export const QUEUES = ['control', 'io', 'cpu'] as const;

/** A task queue; a worker serves one or several. */
export type Queue = (typeof QUEUES)[number];

/** Custom search attributes of every run, all keywords; the server must know them before the first run. */
export const SEARCH_ATTRIBUTES = {
  dag: 'SentinelDag',
  partition: 'SentinelPartition',
  planHash: 'SentinelPlanHash',
  state: 'SentinelState',
} as const;
