/**
 * `node scripts/fuzz-parse.mjs [--rows 1000000] [--seed 1] [--minutes 60]`: flow files of mutated rows through the real
 * parse. Bytes are flipped, fields swapped, rows cut and glued, quotes and numbers at limits put in.
 *
 * It holds that nothing crashes, that each row is stored or rejected once, that what is stored keeps the bounds of
 * `docs/data.md` (`test/feature-store/stored-bounds.json`), and that plain rows are what SQL makes of them. A file that breaks this is kept and named.
 *
 * Prints one JSON document; exit code 1 when something did not hold. Needs what set-up builds.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { generateFlows } from '../dist/activities/jobs/generate-flows.js';
import { FeatureDb, quoteList } from '../dist/feature-store/duckdb.js';
import { parseFlows } from '../dist/feature-store/ingest/parse-flows.js';
import { listSources } from '../dist/feature-store/sources/list-sources.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
  },
});
const [rows, seed, minutes] = [values.rows, values.seed, values.minutes].map(Number);

/** Lines of one file: few enough that a row that breaks it is soon found. */
const ROWS_PER_FILE = 100_000;
/** Of these each file leaves some rows as they are, so that good ones stand beside bad ones. */
const SHARE_MUTATED = 0.7;

const LIMITS = [
  '0',
  '-1',
  '1',
  '255',
  '256',
  '65535',
  '65536',
  '2147483647',
  '2147483648',
  '4294967295',
].concat(
  [
    '4294967296',
    '9007199254740993',
    '9223372036854775807',
    '9223372036854775808',
    '1e999',
    '-0',
    '1e-999',
  ],
  [
    'nan',
    'inf',
    '',
    ' ',
    '""',
    '"',
    '\0',
    'null',
    '[]',
    '[[]]',
    '[[],[],[]]',
    '1.5',
    '0x10',
    '١',
    '\u{1F4A9}',
  ],
  [
    '1970-01-01T00:00:00',
    '9999-12-31T23:59:59.999999',
    '0001-01-01T00:00:00',
    '2022-02-30T00:00:00',
  ],
  ['2016-12-31T23:59:60', '2022-06-06T24:00:00', '2022-06-06T10:00:00+02:00', 'a'.repeat(300)],
);
const BYTES = [
  0, 9, 13, 32, 34, 39, 43, 44, 45, 46, 48, 57, 59, 69, 91, 92, 93, 101, 127, 128, 195, 255,
];
const MUTATIONS = [
  flipByte,
  putByte,
  cut,
  glue,
  swapFields,
  limitField,
  limitNumber,
  limitNumber,
  quoteField,
];

const bounds = JSON.parse(
  await readFile(new URL('../test/feature-store/stored-bounds.json', import.meta.url), 'utf8'),
);
const folder = await mkdtemp(join(tmpdir(), 'sentinel-fuzz-'));
const [header, ...originals] = await realRows();
const startedMs = Date.now();
const total = { files: 0, rowsWritten: 0, rowsRead: 0, rowsStored: 0, rowsRejected: 0 };
const broken = [];
while (total.rowsWritten < rows && Date.now() - startedMs < minutes * 60_000) {
  const count = Math.min(ROWS_PER_FILE, rows - total.rowsWritten);
  const file = join(folder, `flows-${total.files}.csv`);
  await writeFile(file, mutatedFile(seededRandom(seed, total.files), count));
  total.files += 1;
  total.rowsWritten += count;
  const faults = await check(file).catch((error) => [String(error?.stack ?? error)]);
  if (faults.length === 0) await rm(file);
  else broken.push({ file, faults });
  process.stderr.write(
    `${total.rowsWritten} rows, ${total.rowsRejected} rejected, ${broken.length} files broken\n`,
  );
}
if (broken.length === 0) await rm(folder, { recursive: true });
const seconds = (Date.now() - startedMs) / 1_000;
process.stdout.write(`${JSON.stringify({ seed, ...total, seconds, broken }, null, 2)}\n`);
process.exitCode = broken.length === 0 ? 0 : 1;

/** What does not hold of one file. */
async function check(file) {
  const { flows } = await listSources([file]);
  const db = await FeatureDb.open({ threads: 2 });
  const stagingDir = `${file}.staging`;
  try {
    const parsed = await parseFlows({ source: flows[0], stagingDir, db, segmentBytes: 1 << 22 });
    const { rowsRead, rowsStored, rowsRejected } = parsed;
    for (const key of ['rowsRead', 'rowsStored', 'rowsRejected']) total[key] += parsed[key];
    const stored = storedRows(parsed);
    const rejected = rejectedRows(parsed);
    const counts = Object.entries(bounds).map(
      ([name, holds]) => `count(*) FILTER (NOT coalesce(${holds}, false)) AS ${name}`,
    );
    const faults = [];
    if (parsed.staged.length > 0) {
      const [outside] = await db.rows(`SELECT ${counts.join(', ')} FROM ${stored}`);
      for (const [name, n] of Object.entries(outside))
        if (n > 0) faults.push(`${n} stored rows break ${name}: ${bounds[name]}`);
    }
    const each = [
      ...(parsed.staged.length > 0 ? [`SELECT source_row FROM ${stored}`] : []),
      ...(parsed.stagedRejected.length > 0 ? [`SELECT source_row FROM ${rejected}`] : []),
    ].join(' UNION ALL ');
    const [seen] = await db.rows(
      `SELECT count(*) AS n, count(DISTINCT source_row) AS rows, max(source_row) AS last FROM (${each})`,
    );
    if (rowsRead !== rowsStored + rowsRejected || seen.n !== rowsRead)
      faults.push(
        `${rowsRead} rows read, ${rowsStored} stored, ${rowsRejected} rejected, ${seen.n} in the tables`,
      );
    if (seen.rows !== rowsRead || seen.last !== rowsRead)
      faults.push(
        `rows 1..${rowsRead} were read, and ${seen.rows} up to ${seen.last} are in the tables`,
      );
    const bySql = await parseFlows({
      source: flows[0],
      stagingDir: `${stagingDir}/sql`,
      db,
      heldRows: 0,
    });
    if (bySql.rowsStored !== rowsStored || bySql.rowsRejected !== rowsRejected)
      faults.push(`SQL alone stores ${bySql.rowsStored} rows and rejects ${bySql.rowsRejected}`);
    else if (rowsStored > 0) {
      const [{ n }] = await db.rows(
        `SELECT count(*) AS n FROM (FROM ${stored} EXCEPT ALL FROM ${storedRows(bySql)})`,
      );
      if (n > 0) faults.push(`${n} stored rows are not as SQL alone stores them`);
    }
    return faults;
  } finally {
    db.close();
    await rm(stagingDir, { recursive: true, force: true });
  }
}

function storedRows({ staged }) {
  return `read_parquet(${quoteList(staged.map((part) => part.file))}, hive_partitioning = true,
    hive_types = {'iso_year': INTEGER, 'iso_week': INTEGER, 'app': VARCHAR})`;
}

function rejectedRows({ stagedRejected }) {
  return `read_parquet(${quoteList(stagedRejected.map((part) => part.file))})`;
}

/** Header and rows of a day of a made-up network, as they are before anything is done to them. */
async function realRows() {
  const outDir = join(folder, 'real');
  let days = 0;
  await generateFlows({
    ...{ outDir, seed, apps: 40, weeks: ['2022-W22'], flowsPerWeek: 70_000, compression: 'none' },
    onProgress: () => (days += 1),
    shouldStop: () => days > 0,
  });
  const [day] = (await readdir(outDir, { recursive: true })).filter(
    (name) => name.endsWith('.csv') && name.includes('flows-'),
  );
  const text = await readFile(join(outDir, day), 'latin1');
  await rm(outDir, { recursive: true });
  return text
    .trimEnd()
    .split('\n')
    .map((line) => Buffer.from(line, 'latin1'));
}

function mutatedFile(random, count) {
  const parts = [header, Buffer.from('\n')];
  for (let row = 0; row < count; row++) {
    let line = pick(random, originals);
    if (random.uniform() < SHARE_MUTATED) line = mutate(random, line);
    parts.push(line, Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}

/** One to three mutations. */
function mutate(random, line) {
  const times = 1 + Math.floor(random.uniform() * 3);
  let mutated = line;
  for (let i = 0; i < times; i++) mutated = pick(random, MUTATIONS)(random, mutated);
  return mutated;
}

function flipByte(random, line) {
  const copy = Buffer.from(line);
  if (copy.length > 0) copy[at(random, copy)] ^= 1 << Math.floor(random.uniform() * 8);
  return copy;
}

function putByte(random, line) {
  const place = at(random, line);
  const byte = Buffer.from([pick(random, BYTES)]);
  return Buffer.concat([line.subarray(0, place), byte, line.subarray(place)]);
}

function cut(random, line) {
  const place = at(random, line);
  return random.uniform() < 0.5 ? line.subarray(0, place) : line.subarray(place);
}

function glue(random, line) {
  return Buffer.concat([line.subarray(0, at(random, line)), pick(random, originals)]);
}

function swapFields(random, line) {
  return inFields(line, (fields) => {
    const [a, b] = [at(random, fields), at(random, fields)];
    [fields[a], fields[b]] = [fields[b], fields[a]];
  });
}

function limitField(random, line) {
  return inFields(line, (fields) => (fields[at(random, fields)] = pick(random, LIMITS)));
}

/** A number anywhere, in lists too. */
function limitNumber(random, line) {
  const text = line.toString('latin1');
  const numbers = [...text.matchAll(/\d+/g)];
  if (numbers.length === 0) return line;
  const { 0: number, index } = pick(random, numbers);
  const changed = text.slice(0, index) + pick(random, LIMITS) + text.slice(index + number.length);
  return Buffer.from(changed, 'latin1');
}

function quoteField(random, line) {
  return inFields(line, (fields) => {
    const field = at(random, fields);
    fields[field] = pick(random, [
      `"${fields[field]}"`,
      `"${fields[field]}`,
      `${fields[field]}"`,
      `""`,
    ]);
  });
}

function inFields(line, change) {
  const fields =
    line
      .toString('latin1')
      .match(/("[^"]*"|[^,]*)(,|$)/g)
      ?.map((field) => field.replace(/,$/, '')) ?? [];
  change(fields);
  return Buffer.from(fields.join(','), 'latin1');
}

function at(random, list) {
  return Math.floor(random.uniform() * list.length);
}

function pick(random, list) {
  return list[at(random, list)];
}
