/**
 * Large payloads leave the history: what a task hands on is kept in the blob store, and Temporal gets a
 * reference. A server takes no payload over 2 MB, no message over 4 MB and no history over 50 MB.
 */
import {
  ApplicationFailure,
  type DataConverter,
  type Payload,
  type PayloadCodec,
} from '@temporalio/common';
import { ERROR_CODES, PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { localBlobStore, type BlobStore } from './blob-store.js';
import { formatReference, parseReference } from './reference.js';

/** From here on a payload is kept in the store. */
const LARGE_BYTES = 128 * 1024;
/**
 * After this much of one workflow in its history, payloads from `LESS_LARGE_BYTES` are kept in the store too:
 * hundreds of tasks that start at once travel in one message, and in a history they add up.
 */
const HISTORY_BYTES = 1024 * 1024;
const LESS_LARGE_BYTES = 4 * 1024;
/** How many workflows are counted at a time; one that is forgotten starts at 0 again. */
const COUNTED_WORKFLOWS = 1_000;

/** `json/`, so that the UI shows the reference itself where it has no codec endpoint. */
const REFERENCE_ENCODING = Buffer.from('json/sentinel-payload');
/** Metadata key for the encoding that the payload has in the store. */
const STORED_ENCODING = 'sentinel-encoding';

/** Options of every client and worker of a home. */
export function dataConverter(
  layout: HomeLayout,
): DataConverter & { readonly payloadCodecs: [PayloadCodec] } {
  return { payloadCodecs: [payloadCodec(localBlobStore(layout.payloads))] };
}

/** Keeps large payloads in `store`; small ones pass as they are, without any wait. */
export function payloadCodec(store: BlobStore): PayloadCodec {
  const inHistory = new Map<string, number>();

  /** Whether a payload of that size belongs into the history; if so, it is counted there. */
  function staysInHistory(bytes: number, workflowId: string | undefined): boolean {
    if (workflowId === undefined) return bytes < LARGE_BYTES;
    const before = inHistory.get(workflowId) ?? 0;
    if (bytes >= (before < HISTORY_BYTES ? LARGE_BYTES : LESS_LARGE_BYTES)) return false;
    inHistory.delete(workflowId); // a map keeps the order of insertion: its first has been still the longest
    inHistory.set(workflowId, before + bytes);
    const [stillest] = inHistory.keys();
    if (inHistory.size > COUNTED_WORKFLOWS && stillest !== undefined) inHistory.delete(stillest);
    return true;
  }

  async function toReference(payload: Payload): Promise<Payload> {
    const bytes = payload.data!; // only what has a size gets here
    const hash = await store.put(bytes);
    const { encoding, ...metadata } = payload.metadata ?? {};
    return {
      ...payload,
      metadata: {
        ...metadata,
        encoding: REFERENCE_ENCODING,
        ...(encoding != null && { [STORED_ENCODING]: encoding }),
      },
      data: Buffer.from(formatReference({ hash, bytes: bytes.length })),
    };
  }

  async function fromReference(payload: Payload): Promise<Payload> {
    const { [STORED_ENCODING]: encoding, encoding: _, ...metadata } = payload.metadata ?? {};
    const text = Buffer.from(payload.data ?? []).toString();
    return {
      ...payload,
      metadata: { ...metadata, ...(encoding != null && { encoding }) },
      data: await store.get(parseReference(text)?.hash ?? text),
    };
  }

  return {
    encode(payloads, context) {
      const stays = payloads.map(({ data }) =>
        staysInHistory(data?.length ?? 0, context?.workflowId),
      );
      if (!stays.includes(false)) return Promise.resolve(payloads);
      return Promise.all(
        payloads.map(async (payload, index) => (stays[index] ? payload : toReference(payload))),
      );
    },

    decode(payloads) {
      if (!payloads.some(isReference)) return Promise.resolve(payloads);
      return Promise.all(
        payloads.map(async (payload) => (isReference(payload) ? fromReference(payload) : payload)),
      ).catch((error: unknown) => {
        throw withCode(error);
      });
    },
  };
}

function isReference({ metadata }: Payload): boolean {
  const encoding = metadata?.['encoding'];
  return encoding?.length === REFERENCE_ENCODING.length && REFERENCE_ENCODING.equals(encoding);
}

/** A task that cannot read its input fails with the code; Temporal would keep the name of the class. */
function withCode(error: unknown): unknown {
  if (!(error instanceof PipelineError)) return error;
  return ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: ERROR_CODES[error.code] === 'final',
    details: [error.fault],
    cause: error,
  });
}
