/** Requests to S3 as the store makes them: what may pass is tried again, what stays is told with its fix. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3 } from '@aws-sdk/client-s3';
import { PipelineError } from '../../contracts/errors.js';
import { s3Client } from './s3-client.js';

/**
 * Does a request that may be done twice, up to six times.
 *
 * @param address what it is about, for the error
 * @throws PipelineError S3_UNREACHABLE when no try came through, S3_REJECTED
 */
export async function repeatable<T>(address: string, request: (s3: S3) => Promise<T>): Promise<T> {
  const s3 = await s3Client();
  for (let tries = 1; ; tries++)
    try {
      return await request(s3);
    } catch (error) {
      if (!mayPass(error)) throw rejected(address, error);
      if (tries === MAX_TRIES) throw unreachable(address, error);
      await pauseAfter(tries);
    }
}

/** The HTTP status of a failed request; undefined when no answer came. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  return (error.$metadata as { httpStatusCode?: number }).httpStatusCode; // the SDK's errors carry it
}

/** Whether the same request may succeed later: no answer, a server at fault, too many requests, or a race. */
export function mayPass(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 500 || [408, 409, 412, 429].includes(status);
  // without keys, region or name resolution no request was made at all
  const name = error instanceof Error ? error.name : '';
  return name !== 'CredentialsProviderError' && !(error instanceof TypeError);
}

/** Waits before the next try: 50 ms doubled each time, at most 2 s, cut at random so that writers part. */
export async function pauseAfter(tries: number): Promise<void> {
  await sleep(Math.random() * Math.min(2_000, 50 * 2 ** tries));
}

/** S3_UNREACHABLE for the last of several failures. */
export function unreachable(address: string, cause: unknown): PipelineError {
  return new PipelineError(
    {
      code: 'S3_UNREACHABLE',
      file: address,
      found: `${MAX_TRIES} requests failed, at last with ${describe(cause)}`,
      fix: 'check AWS_ENDPOINT_URL and the network; the task is tried again',
    },
    { cause: withoutResponse(cause) },
  );
}

/** S3_REJECTED for an answer that another try would not change. */
export function rejected(address: string, cause: unknown): PipelineError {
  return new PipelineError(
    {
      code: 'S3_REJECTED',
      file: address,
      found: describe(cause),
      fix: 'check the bucket, AWS_REGION and the keys; they need to list, read, write and delete below this prefix',
    },
    { cause: withoutResponse(cause) },
  );
}

/** The SDK's errors hold the whole connection: whoever prints one would print it. */
function withoutResponse(error: unknown): unknown {
  if (error instanceof Error && '$response' in error)
    Object.defineProperty(error, '$response', { enumerable: false });
  return error;
}

function describe(error: unknown): string {
  const status = statusOf(error);
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return status === undefined ? text : `HTTP ${status} ${text}`;
}

/** Tries of one request. */
export const MAX_TRIES = 6;
