import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localBlobStore, type BlobStore } from '../../payloads/blob-store.js';
import { payloadCodec } from '../../payloads/payload-codec.js';
import {
  formatReference,
  parseReference,
  referencedHashes,
  resolveJson,
  shortenJson,
} from '../../payloads/reference.js';

const KB = 1024;

let folder: string;
let store: BlobStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-codec-'));
  store = localBlobStore(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function ofBytes(bytes: number): Payload {
  return defaultPayloadConverter.toPayload('x'.repeat(bytes - 2)); // quotes
}

function sizes(payloads: Payload[]): number[] {
  return payloads.map(({ data }) => data?.length ?? 0);
}

describe('the codec', () => {
  test('what was encoded is decoded unchanged, whatever its size and metadata', async () => {
    const codec = payloadCodec(store);
    const payload = fc.record({
      metadata: fc.dictionary(fc.string({ minLength: 1 }), fc.uint8Array({ maxLength: 20 })),
      data: fc
        .tuple(fc.uint8Array({ maxLength: 50 }), fc.constantFrom(0, 1, 128 * KB, 300 * KB))
        .map(([start, more]) => Buffer.concat([start, Buffer.alloc(more, 7)])),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { maxLength: 4 }), async (payloads) => {
        const decoded = await codec.decode(await codec.encode(payloads));
        expect(decoded.map(plain)).toEqual(payloads.map(plain));
      }),
      { numRuns: 50 },
    );
  });

  test('payloads below 128 KB pass as they are, larger ones become a reference', async () => {
    const codec = payloadCodec(store);
    const small = [ofBytes(1 * KB), ofBytes(128 * KB - 1)];
    expect(await codec.encode(small)).toBe(small);
    const [first, large] = await codec.encode([small[0]!, ofBytes(128 * KB)]); // two are there
    expect(first).toBe(small[0]);
    expect(large!.data!.length).toBeLessThan(128); // it encoded two
    expect(JSON.parse(Buffer.from(large!.data!).toString())).toEqual({
      $payload: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      bytes: 128 * KB,
    });
  });

  test('once a workflow has 1 MB in its history, payloads from 4 KB on leave it', async () => {
    const codec = payloadCodec(store);
    const context = { type: 'workflow', namespace: 'default', workflowId: 'wide' } as const;
    const inputs = Array.from({ length: 500 }, () => ofBytes(100 * KB));
    const encoded = await codec.encode(inputs, context);
    const total = sizes(encoded).reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThan(1.2 * KB * KB); // of 50 MB
    expect(sizes(await codec.encode([ofBytes(4 * KB - 1)], context))).toEqual([4 * KB - 1]);
    const other = { ...context, workflowId: 'narrow' };
    expect(sizes(await codec.encode([ofBytes(100 * KB)], other))).toEqual([100 * KB]);
  });

  test('a value that is lost fails with its code, and can be tried again', async () => {
    const codec = payloadCodec(store);
    const [reference] = await codec.encode([ofBytes(200 * KB)]);
    const lost = formatReference({ hash: '0'.repeat(64), bytes: 200 * KB });
    const failure = await codec
      .decode([{ ...reference, data: Buffer.from(lost) }])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type: 'PAYLOAD_MISSING', nonRetryable: false });
  });
});

describe('a column of a table', () => {
  test.each([
    ['a small value', { rows: [1, null, 'ü'] }],
    ['a large value', Array.from({ length: 30_000 }, (_, row) => ({ row, name: 'ü' }))],
  ])('gives %s back', async (_, value) => {
    const text = await shortenJson(store, JSON.stringify(value));
    expect(text.length).toBeLessThan(200);
    expect(await resolveJson(store, text)).toEqual(value);
  });

  test('a reference is known as one, a value that only looks like one is not', () => {
    const reference = { hash: 'ab'.repeat(32), bytes: 7 };
    expect(parseReference(formatReference(reference))).toEqual(reference);
    expect(parseReference('{"$payload":"ab","bytes":7}')).toBeUndefined();
    expect(parseReference(`[${formatReference(reference)}]`)).toBeUndefined();
  });

  test('references are found in messages, also where JSON stands within JSON', () => {
    const [one, two] = ['1'.repeat(64), '2'.repeat(64)] as const;
    const inner = formatReference({ hash: two, bytes: 2 });
    const bytes = Buffer.from(`\u0001${formatReference({ hash: one, bytes: 1 })}\u0000`);
    expect(referencedHashes(bytes)).toEqual(new Set([one]));
    expect(referencedHashes(JSON.stringify({ inner }))).toEqual(new Set([two]));
  });
});

/** Metadata and data as plain values. */
function plain({ metadata, data }: Payload): object {
  const entries = Object.entries(metadata ?? {}).map(([key, value]) => [key, [...value]]);
  return { metadata: Object.fromEntries(entries) as object, data: Buffer.from(data ?? []).toString('base64') }; // prettier-ignore
}
