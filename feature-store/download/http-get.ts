/**
 * GET over HTTP with patience: what passes by itself is tried again, what does not is an error at once.
 *
 * Waits double from `baseDelayMs` and are drawn anew up to that bound ("full jitter"), so that parallel
 * requests do not come back together; a Retry-After of the server is obeyed instead.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PipelineError } from '../../contracts/errors.js';

/** How patient a transfer is. */
export interface HttpOptions {
  /** Failures in a row, without a byte in between, before it gives up. @default 8 */
  readonly tries?: number;
  /** Bound of the first wait, ms; it doubles up to a minute. @default 500 */
  readonly baseDelayMs?: number;
  /** A server that is silent for so long counts as gone, ms. @default 60_000 */
  readonly idleMs?: number;
  /** Ends everything with its reason; what was stored stays. */
  readonly signal?: AbortSignal;
  /** Told before each wait. */
  readonly onWait?: (why: string, waitMs: number) => void;
}

/** A failure that may pass: a cut connection, 408, 429, 5xx. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /** The server's own word when to come back, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What one try is given. */
export interface Attempt {
  /** To be called whenever bytes came: the server lives. */
  readonly alive: () => void;
  /** To be called when more is stored than ever before: failures are counted anew. */
  readonly progressed: () => void;
  readonly signal: AbortSignal;
}

/**
 * Runs `attempt` until it succeeds.
 *
 * @throws PipelineError DOWNLOAD_HTTP after `tries` failures in a row; what `attempt` throws that is not transient
 */
export async function withPatience<T>(
  url: string,
  options: HttpOptions,
  attempt: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const { tries = 8, baseDelayMs = 500, idleMs = 60_000, signal, onWait } = options;
  for (let failures = 0; ;) {
    signal?.throwIfAborted();
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), idleMs);
    const progressed = (): void => {
      failures = 0;
    };
    try {
      const signals = signal === undefined ? [silence.signal] : [silence.signal, signal];
      const alive = (): void => void timer.refresh();
      return await attempt({ alive, progressed, signal: AbortSignal.any(signals) });
    } catch (error) {
      signal?.throwIfAborted();
      const failure = transientOf(error, silence.signal.aborted ? idleMs : undefined);
      failures += 1;
      if (failures >= tries) throw gaveUp(url, tries, failure);
      const bound = Math.min(baseDelayMs * 2 ** (failures - 1), MAX_WAIT_MS);
      const waitMs = failure.retryAfterMs ?? Math.round(bound * (0.5 + Math.random() / 2));
      onWait?.(failure.message, waitMs);
      await sleep(waitMs, undefined, signal && { signal }).catch(() => signal?.throwIfAborted());
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * One GET; redirects are followed.
 *
 * @returns the answer with status 200, 206, 304 or 416; its body is not yet read
 * @throws TransientError, or PipelineError DOWNLOAD_REFUSED for every other status
 */
export async function get(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  // packed on the way, the bytes could be neither counted nor cut into ranges
  const response = await fetch(url, {
    headers: { 'accept-encoding': 'identity', ...headers },
    signal,
  });
  const { status, statusText } = response;
  if ([200, 206, 304, 416].includes(status)) return response;
  await response.body?.cancel();
  const found = `${status} ${statusText}`.trim();
  if (status === 408 || status === 429 || status >= 500)
    throw new TransientError(found, { retryAfterMs: retryAfterMs(response) });
  throw new PipelineError({
    code: 'DOWNLOAD_REFUSED',
    file: url,
    found,
    expected: '200 or 206',
    fix: 'open the address in a browser: it may have moved, or ask for a login',
  });
}

/** Retry-After is seconds or a date (RFC 9110, 10.2.3); never more than ten minutes. */
function retryAfterMs(response: Response): number | undefined {
  const text = response.headers.get('retry-after');
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function transientOf(error: unknown, silentMs: number | undefined): TransientError {
  if (error instanceof TransientError) return error;
  if (silentMs !== undefined)
    return new TransientError(`nothing came for ${silentMs / 1000} s`, { cause: error });
  // fetch wraps what went wrong on the wire in a TypeError; with anything else no retry helps
  if (!(error instanceof TypeError) || error.cause === undefined) throw error;
  const { cause } = error;
  return new TransientError(cause instanceof Error ? cause.message : error.message, { cause });
}

function gaveUp(url: string, tries: number, failure: TransientError): PipelineError {
  return new PipelineError(
    {
      code: 'DOWNLOAD_HTTP',
      file: url,
      found: `${failure.message}, ${tries} times in a row`,
      fix: 'see whether the address can be reached from here, then start again: it goes on where it stopped',
    },
    { cause: failure },
  );
}

const MAX_WAIT_MS = 60_000;
const MAX_RETRY_AFTER_MS = 600_000;
