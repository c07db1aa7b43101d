/**
 * `SENTINEL_HOME=DIR node scripts/save-histories.mjs [TARGET]`: saves the longest history of each
 * workflow type of a running home, for the replay test. TARGET is `test/histories` by default.
 *
 * Run it on small data under a neutral path, for inputs are part of a history:
 *
 *     SENTINEL_HOME=/tmp/sentinel-home/home npx sentinel up --input /tmp/sentinel-home/flows \
 *       --preset test/e2e/small.preset.json
 *     npx sentinel temporal schedule backfill --schedule-id weekly --overlap-policy AllowAll \
 *       --start-time 2022-06-27T01:59:59Z --end-time 2022-06-27T02:00:00Z
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { homeLayout } from '../dist/contracts/home.js';
import { dataConverter } from '../dist/payloads/payload-codec.js';

const { History } = proto.temporal.api.history.v1;
const home = resolve(process.env.SENTINEL_HOME ?? '.sentinel');
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(process.argv[2] ?? join(root, 'test', 'histories'));

const [codec] = dataConverter(homeLayout(home)).payloadCodecs;
const { ports } = JSON.parse(readFileSync(join(home, 'run', 'temporal.json'), 'utf8'));
const client = new Client({
  connection: await Connection.connect({ address: `127.0.0.1:${ports.grpc}` }),
});

const longest = new Map();
for await (const { type, workflowId, runId, historyLength } of client.workflow.list()) {
  const known = longest.get(type);
  if (known === undefined || known.historyLength < historyLength) {
    longest.set(type, { workflowId, runId, historyLength });
  }
}
mkdirSync(target, { recursive: true });
for (const [type, { workflowId, runId }] of longest) {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  await inlineLargeValues(history);
  // not `historyToJSON`: with two copies of protobufjs installed it takes neither's types
  const plain = History.toObject(History.fromObject(history), {
    enums: String,
    longs: String,
    bytes: String,
  });
  // a history leaves its workflow id out, from which a run takes its partition
  const text = JSON.stringify({ workflowId, ...plain }, null, 1)
    // who polled is no part of what happened, and it names the machine (sticky queues do too)
    .replaceAll(/"\d+@[^"]*"/g, '"worker"');
  writeFileSync(join(target, `${type}.json`), `${text}\n`);
  process.stdout.write(`${type}: ${workflowId}, ${history.events.length} events\n`);
}
await client.connection.close();

/** A saved history is replayed where the home is not: references become the values again. */
async function inlineLargeValues(node) {
  if (node === null || typeof node !== 'object' || node instanceof Uint8Array) return;
  if (node.metadata instanceof Object && node.data instanceof Uint8Array) {
    Object.assign(node, (await codec.decode([node]))[0]);
  } else {
    for (const child of Object.values(node)) await inlineLargeValues(child);
  }
}
