import { ServiceError, type WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { followRun } from '../../cli/run-client.js';

const MINUTE_MS = 60_000;
const AWAY = new ServiceError('14 UNAVAILABLE: the server is away');

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

test('a server that goes away after a long wait is waited for', async () => {
  expect(await follow([running(120 * MINUTE_MS), away(), closed])).toBe('success');
});

test('each outage has its own minute', async () => {
  const outage = [away(), away(50_000)];
  expect(await follow([...outage, running(), ...outage, running(), closed])).toBe('success');
});

test('a server that is away for more than a minute is given up', async () => {
  await expect(follow([away(), away(40_000), away(40_000), closed])).rejects.toBe(AWAY);
});

test('a server that goes away while the end is asked for is waited for', async () => {
  const result = vi.fn(() => Promise.resolve()).mockRejectedValueOnce(AWAY);
  expect(await follow([closed, closed], result)).toBe('success');
});

test('an interrupted follower makes no further call', async () => {
  const interrupt = new AbortController();
  interrupt.abort();
  expect(await follow([], undefined, interrupt.signal)).toBe('interrupted');
});

/** Follows a run of which the server says this, look after look. */
function follow(
  looks: (() => Promise<unknown>)[],
  result = () => Promise.resolve(),
  signal = new AbortController().signal,
): Promise<string> {
  const next = looks.values();
  const handle = {
    client: { withDeadline: (_: number, call: () => Promise<unknown>) => call() },
    describe: () => next.next().value?.(),
    query: () => Promise.reject(AWAY),
    result,
  } as unknown as WorkflowHandle; // the part of it that a follower calls
  return followRun(handle, { say: () => undefined, signal });
}

/** The server does not answer, and that takes `ms`. */
function away(ms = 0): () => Promise<never> {
  return () => {
    vi.setSystemTime(Date.now() + ms);
    return Promise.reject(AWAY);
  };
}

/** The run is open, and stays so for `ms`. */
function running(ms = 0): () => Promise<unknown> {
  return () => {
    vi.setSystemTime(Date.now() + ms);
    return Promise.resolve({ status: { name: 'RUNNING' } });
  };
}

function closed(): Promise<unknown> {
  return Promise.resolve({ status: { name: 'COMPLETED' } });
}
