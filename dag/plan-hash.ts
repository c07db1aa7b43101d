/** The version of a plan: the hash of its canonical JSON. Not needed by a workflow, which would load it for each run. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import type { Plan } from './plan.js';

// a CommonJS function whose type declaration claims an ES module
const serialize = canonicalize as unknown as (value: unknown) => string | undefined;

/** SHA-256 of the plan's RFC 8785 form, 64 hex digits. */
export function planHash(plan: Plan): string {
  return hashJson(plan);
}

/** SHA-256 of any JSON value in RFC 8785 form, 64 hex digits. */
export function hashJson(value: unknown): string {
  const text = serialize(value);
  if (text === undefined) throw new TypeError('only JSON values have a hash');
  return bytesToHex(sha256(utf8ToBytes(text)));
}
