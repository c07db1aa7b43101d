/** A peer of a bench: a Python process that answers requests, one JSON line each. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../../contracts/errors.js';

/** A peer that is up. */
export interface PythonPeer {
  /**
   * Seconds that a request took, by the peer's own clock.
   *
   * @throws PipelineError BENCH_PEER_FAILED when the process ended
   */
  ask(request: object): Promise<number>;
  stop(): Promise<void>;
}

/** Starts `scripts/bench/SCRIPT`; whether its packages are there shows at the first request. */
export function startPythonPeer(name: string, python: string): PythonPeer {
  const script = fileURLToPath(new URL(`../../../scripts/bench/${name}`, import.meta.url));
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors = `${errors}${text.toString()}`.slice(-2_000)));
  child.stdin.on('error', () => undefined); // the end of the process is reported by `lines`
  const failed = new Promise<unknown>((resolve) => child.on('error', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, 'close').catch(() => undefined); // it never started: `failed` says why
  return {
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const answer = await Promise.race([lines.next(), failed]);
      if (isAnswer(answer)) return (JSON.parse(answer.value) as { seconds: number }).seconds; // see the scripts
      throw new PipelineError(
        {
          code: 'BENCH_PEER_FAILED',
          file: script,
          found: errors.trim().split('\n').at(-1) || `no answer from ${python}`,
          fix: 'pip install -r scripts/bench/requirements.txt in a venv and name its interpreter with --python; Spark needs Java 17',
        },
        { cause: answer },
      );
    },
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

function isAnswer(answer: unknown): answer is IteratorYieldResult<string> {
  return typeof answer === 'object' && answer !== null && 'done' in answer && answer.done === false;
}
