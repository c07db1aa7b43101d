/** Telling the outside that a task, or a run, came to a state. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { Context } from '@temporalio/activity';
import type { Notice } from '../contracts/engine.js';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import type { Callback } from '../dag/plan.js';
import { createExclusive } from '../feature-store/delta/durable-file.js';
import { postJson } from './post-json.js';

/** The activities behind callbacks, on one home. */
export function createCallbackActivities({ layout }: { readonly layout: HomeLayout }) {
  return {
    /**
     * Tells one callback, once: that it was told is written down before the task ends, and a second try
     * reads it. Only a worker that dies between the two tells it again, under the same
     * `Idempotency-Key`.
     *
     * @param key names the callback and the transition in the run
     * @throws PipelineError CALLBACK_FAILED
     */
    async notify(request: {
      notify: Callback['notify'];
      notice: Notice;
      key: string;
    }): Promise<void> {
      const { notify, notice, key } = request;
      const id = createHash('sha256').update(`${notice.temporalRunId}/${key}`).digest('hex');
      const told = join(layout.callbacks, `${id}.json`);
      if (existsSync(told)) return;
      const body = JSON.stringify(notice);
      if (notify.kind === 'command') await run(notify.command, body, id);
      else {
        const { cancellationSignal } = Context.current();
        await postJson(notify.url, body, id, cancellationSignal).catch((cause: unknown) => {
          throw failed(cause instanceof Error ? cause.message : String(cause), cause);
        });
      }
      await createExclusive(told, body);
    },
  };
}

/** For `proxyActivities` in workflows. */
export type CallbackActivities = ReturnType<typeof createCallbackActivities>;

async function run(command: readonly string[], body: string, id: string): Promise<void> {
  const [program, ...args] = command;
  const child = spawn(program ?? '', args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { ...process.env, SENTINEL_NOTICE_ID: id },
    signal: Context.current().cancellationSignal,
  });
  child.stdin.on('error', () => undefined); // a command need not read the notice
  child.stdin.end(body);
  const closed = (once(child, 'close') as Promise<[code: number | null]>).catch(
    (cause: unknown) => {
      throw failed(`${command.join(' ')}: ${String(cause)}`, cause);
    },
  );
  const [stderr, [code]] = await Promise.all([textOf(child.stderr), closed]);
  if (code !== 0) throw failed(`${command.join(' ')}: exit code ${code} ${stderr.slice(0, 500)}`);
}

function failed(found: string, cause?: unknown): PipelineError {
  return new PipelineError(
    {
      code: 'CALLBACK_FAILED',
      found,
      expected: 'an answer of 200 to 299, or exit code 0',
      fix: 'see whether the receiver is up; it is told five times in all, and the run goes on without it',
    },
    { cause },
  );
}
