/** What stands in place of a stored value: `{"$payload":"<sha256>","bytes":n}`, the same in histories and tables. */
import type { Json } from '../contracts/json.js';
import type { BlobStore } from './blob-store.js';

/** Where a value is kept. */
export interface PayloadReference {
  /** SHA-256 of the stored bytes, 64 lower-case hex digits. */
  readonly hash: string;
  /** Their number, before compression. */
  readonly bytes: number;
}

/** JSON text from this many characters on is kept in the store. */
const LARGE_TEXT = 128 * 1024;

/** The reference as JSON text. */
export function formatReference({ hash, bytes }: PayloadReference): string {
  return JSON.stringify({ $payload: hash, bytes });
}

/** The reference that a text is, undefined for any other text. */
export function parseReference(text: string): PayloadReference | undefined {
  const [, hash, bytes] = /^\{"\$payload":"([0-9a-f]{64})","bytes":(\d+)\}$/.exec(text) ?? [];
  return hash === undefined ? undefined : { hash, bytes: Number(bytes) };
}

/** Hashes of all references in a text or in the bytes of messages, each once; JSON within JSON included. */
export function referencedHashes(text: string | Uint8Array): Set<string> {
  const searched = typeof text === 'string' ? text : Buffer.from(text).toString('latin1');
  return new Set(
    Array.from(searched.matchAll(/\$payload\\*":\\*"([0-9a-f]{64})/g), ([, hash]) => hash!),
  ); // has a group
}

/** What a column of a table keeps of a JSON text: the text itself, or where it is large a reference to it. */
export async function shortenJson(store: BlobStore, text: string): Promise<string> {
  if (text.length < LARGE_TEXT) return text;
  const bytes = Buffer.from(text);
  return formatReference({ hash: await store.put(bytes), bytes: bytes.length });
}

/**
 * The value behind what `shortenJson` made.
 *
 * @throws PipelineError PAYLOAD_MISSING, PAYLOAD_DAMAGED
 */
export async function resolveJson(store: BlobStore, text: string): Promise<Json> {
  const reference = parseReference(text);
  if (reference === undefined) return JSON.parse(text) as Json; // JSON went into `shortenJson`
  return JSON.parse(Buffer.from(await store.get(reference.hash)).toString()) as Json; // likewise
}
