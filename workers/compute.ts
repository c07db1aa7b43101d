/**
 * The program of a compute child: one job, then it ends. It ends too when the worker is gone, and it
 * writes to the two folders of its task only.
 */
import type { ComputeReply, ComputeRequest } from '../activities/compute.js';
import { homePlaces } from '../activities/home-places.js';
import { loadJob, type JobContext } from '../activities/jobs/index.js';
import { PipelineError } from '../contracts/errors.js';

// the worker ended or no longer wants the result
process.once('disconnect', () => process.exit(1));
// Ctrl-C reaches the whole process group; the worker decides what becomes of its children
process.on('SIGINT', () => undefined);

process.once('message', (request: ComputeRequest) => {
  void run(request);
});

async function run({
  job,
  input,
  home,
  setupDir,
  stagingDir,
  checkpointDir,
  threads,
}: ComputeRequest): Promise<void> {
  const context: JobContext = {
    layout: homePlaces(home),
    setupDir,
    stagingDir,
    checkpointDir,
    threads,
    progress: (detail) => reply({ kind: 'progress', detail }),
    shouldStop: () => !process.connected,
  };
  try {
    const code = await loadJob(job);
    reply({ kind: 'done', output: await code(input, context) });
  } catch (error) {
    if (error instanceof PipelineError) reply({ kind: 'fault', fault: error.fault });
    else
      reply({
        kind: 'crash',
        message: error instanceof Error ? String(error.stack) : String(error),
      });
  }
}

function reply(message: ComputeReply): void {
  if (process.connected) process.send?.(message);
}
