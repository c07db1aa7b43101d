import { ServiceError, type WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { followRun } from '../../cli/run-client.js';

const MINUTE_MS = 60_000;
const ends = () => Promise.resolve('done');
const away = new ServiceError('14 UNAVAILABLE: the server is away');

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

test('a server that goes away after a long wait is waited for', async () => {
  expect(await follow([failsAfter(120 * MINUTE_MS), ends])).toBe('success');
});

test('each outage has its own minute', async () => {
  const outages = [failsAfter(50_000), failsAfter(50_000), failsAfter(50_000)];
  expect(await follow([...outages, ends])).toBe('success');
});

test('a server that is away for more than a minute is given up', async () => {
  const outage = [failsAfter(0), failsAfter(40_000), failsAfter(40_000)];
  await expect(follow([...outage, ends], () => Promise.reject(away))).rejects.toBe(away);
});

/** Follows a run whose server answers the calls for its end one after the other like this. */
function follow(
  results: (() => Promise<unknown>)[],
  describe: () => Promise<unknown> = () => Promise.resolve({}),
): Promise<string> {
  const next = results.values();
  const handle = {
    result: () => next.next().value?.(),
    describe,
    query: () => Promise.reject(away),
  } as unknown as WorkflowHandle; // the part of it that a follower calls
  return followRun(handle, { say: () => undefined, signal: new AbortController().signal });
}

function failsAfter(ms: number): () => Promise<never> {
  return () => {
    vi.setSystemTime(Date.now() + ms);
    return Promise.reject(away);
  };
}
