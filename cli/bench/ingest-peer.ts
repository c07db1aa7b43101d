/** A peer of the ingest bench: a Python process that parses one file per request. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PipelineError } from '../../contracts/errors.js';

/** The peers there is a script for, `scripts/bench/ingest_<name>.py`. */
export const INGEST_PEERS = ['polars', 'duckdb', 'spark'] as const;

/** Name of a peer. */
export type IngestPeerName = (typeof INGEST_PEERS)[number];

/** A peer that is up, with its session started. */
export interface IngestPeer {
  /**
   * Seconds to parse a file into Parquet files below a folder that is not there yet.
   *
   * @throws PipelineError BENCH_PEER_FAILED when the process ended
   */
  parse(file: string, out: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a peer; whether its packages are there shows at the first request. */
export function startIngestPeer(name: IngestPeerName, python: string): IngestPeer {
  const script = fileURLToPath(
    new URL(`../../../scripts/bench/ingest_${name}.py`, import.meta.url),
  );
  const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors = `${errors}${text.toString()}`.slice(-2_000)));
  child.stdin.on('error', () => undefined); // the end of the process is reported by `lines`
  const failed = new Promise<unknown>((resolve) => child.on('error', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, 'close').catch(() => undefined); // it never started: `failed` says why
  return {
    parse: async (file, out) => {
      child.stdin.write(`${JSON.stringify({ file, out })}\n`);
      const answer = await Promise.race([lines.next(), failed]);
      if (isAnswer(answer)) return (JSON.parse(answer.value) as { seconds: number }).seconds; // see peer.py
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
