/**
 * `SENTINEL_HOME=DIR node scripts/save-histories.mjs [TARGET]`: saves a history of each kind of workflow
 * of a home whose Temporal server runs (or TEMPORAL_ADDRESS names it), for the replay test. A kind is a type, and whether the run goes on
 * from another (`-rerun`), or from its own earlier part (`-continued`); of each the longest is saved.
 * TARGET is `test/histories/v<version of this package>` by default; `scripts/run-every-kind.mjs` makes a
 * home that has all kinds.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { homeLayout } from '../dist/contracts/home.js';
import { dataConverter } from '../dist/payloads/payload-codec.js';

const BOOKKEEPING = [
  'identity',
  'meteringMetadata',
  'requestId',
  'stackTrace',
  'taskId',
  'workerVersion',
];
const { History } = proto.temporal.api.history.v1;
const home = resolve(process.env.SENTINEL_HOME ?? '.sentinel');
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const target = resolve(process.argv[2] ?? join(root, 'test', 'histories', `v${version}`));

const [codec] = dataConverter(homeLayout(home)).payloadCodecs;
const client = new Client({
  connection: await Connection.connect({
    address: process.env.TEMPORAL_ADDRESS ?? addressOf(home),
  }),
});

const longest = new Map();
for await (const { type, workflowId, runId } of client.workflow.list()) {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  await inlineLargeValues(history);
  const kind = kindOf(type, history);
  if (history.events.length > (longest.get(kind)?.history.events.length ?? 0)) {
    longest.set(kind, { workflowId, history });
  }
}
mkdirSync(target, { recursive: true });
for (const [kind, { workflowId, history }] of longest) {
  // not `historyToJSON`: with two copies of protobufjs installed it takes neither's types
  const plain = History.toObject(History.fromObject(history), {
    enums: String,
    longs: String,
    bytes: String,
  });
  // a history leaves its workflow id out, from which a run takes its partition
  const events = plain.events.map((event) => JSON.stringify(event, withoutBookkeeping)).join(',\n');
  const text = `{"workflowId":${JSON.stringify(workflowId)},"events":[\n${events}\n]}\n`
    // the name of a worker's own queue has its pid and host
    .replaceAll(/"\d+@[^"]*"/g, '"worker"');
  writeFileSync(join(target, `${kind}.json`), text);
  process.stdout.write(`${kind}: ${workflowId}, ${history.events.length} events\n`);
}
await client.connection.close();

function addressOf(folder) {
  const { ports } = JSON.parse(readFileSync(join(folder, 'run', 'temporal.json'), 'utf8'));
  return `127.0.0.1:${ports.grpc}`;
}

/** What servers and workers note for themselves takes a third of a history, and names machine and paths. */
function withoutBookkeeping(key, value) {
  return BOOKKEEPING.includes(key) ? undefined : value;
}

/** Name of the file. */
function kindOf(type, { events: [first] }) {
  const { input, continuedExecutionRunId } = first.workflowExecutionStartedEventAttributes;
  const [payload] = input?.payloads ?? [];
  const argument = payload?.data?.length > 0 ? JSON.parse(Buffer.from(payload.data)) : undefined;
  if (continuedExecutionRunId) return `${type}-continued`;
  return argument?.rerun === undefined ? type : `${type}-rerun`;
}

/** A saved history is replayed where the home is not: references become the values again. */
async function inlineLargeValues(node) {
  if (node === null || typeof node !== 'object' || node instanceof Uint8Array) return;
  if (node.metadata instanceof Object && node.data instanceof Uint8Array) {
    Object.assign(node, (await codec.decode([node]))[0]);
  } else {
    for (const child of Object.values(node)) await inlineLargeValues(child);
  }
}
