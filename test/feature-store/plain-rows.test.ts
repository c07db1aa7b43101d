/** A row that is typed without SQL is the row that SQL would have stored. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quoteList } from '../../feature-store/duckdb.js';
import { parseFlows, type ParsedSource } from '../../feature-store/ingest/parse-flows.js';
import { PlainRows } from '../../feature-store/ingest/plain-rows.js';
import { readParsedFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { parseHeader, RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import { listSources } from '../../feature-store/sources/list-sources.js';
import { aFlow, aHome, flowCsv, type StoreHome } from './store-builders.js';

const names = RAW_COLUMNS.map(({ name }) => name);
const ofKind = (kind: string) =>
  RAW_COLUMNS.filter((column) => column.kind === kind).map(({ name }) => name);
const digits = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength });
const twoDigits = (max: number) =>
  fc.integer({ min: 0, max }).map((number) => String(number).padStart(2, '0'));

const count = fc.oneof(digits(4), digits(20));
const decimal = fc.oneof(
  fc.tuple(digits(8), digits(12)).map(([whole, fraction]) => `${whole}.${fraction}`),
  fc.constantFrom('0', '7', '.5', '1.', '10000000', '10000000.0000001', '1e-05', '0.1e1'),
);
const time = fc
  .tuple(
    fc.integer({ min: 1900, max: 2400 }),
    ...[twoDigits(13), twoDigits(32), twoDigits(25), twoDigits(61), twoDigits(61)],
    fc.constantFrom('T', ' ', 't'),
    fc.oneof(
      fc.constantFrom('', 'Z', '.', '.5Z', '.1234567'),
      digits(6).map((text) => `.${text}`),
    ),
  )
  .map(([y, m, d, h, min, s, between, end]) => `${y}-${m}-${d}${between}${h}:${min}:${s}${end}`);
const text = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    ' a',
    'a ',
    'NULL',
    'a b',
    '10.0.0.1',
    'žluť',
    'x\u00a0',
    'a'.repeat(300),
  ),
  fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !/[",\n\r]/.test(value)),
);
const ints = (length: number) =>
  fc.array(fc.oneof(fc.nat(1_500), fc.constantFrom(-1, 0, 1, 2 ** 31 - 1, 2 ** 31)), {
    ...{ minLength: length, maxLength: length + 1 },
  });
const list = (values: readonly number[], between: string): string => `[${values.join(between)}]`;
const between = fc.constantFrom(', ', ',', ' , ');
const histogram = fc.tuple(ints(8), between).map(([values, by]) => list(values, by));
const packets = fc.integer({ min: 1, max: 30 }).chain((length) =>
  fc.record({
    PPI_LEN: fc.constantFrom(String(length), `0${length}`),
    PPI: fc
      .tuple(
        fc.array(fc.nat(70_000), { minLength: length, maxLength: length }),
        fc.array(fc.constantFrom(1, -1), { minLength: length, maxLength: length }),
        fc.array(fc.nat(1_500), { minLength: length, maxLength: length }),
        fc.array(fc.nat(1), { minLength: length, maxLength: length }),
        ...[between, fc.boolean()],
      )
      .map(([at, directions, sizes, pushes, by, pushed]) =>
        list(
          [at, directions, sizes, ...(pushed ? [pushes] : [])].map((values) =>
            list(values, by),
          ) as never[],
          by,
        ),
      ),
  }),
);
const oneOf = (kind: string, value: fc.Arbitrary<string>) =>
  fc.tuple(fc.constantFrom(...ofKind(kind)), value).map(([name, found]) => ({ [name]: found }));
const flow = fc
  .array(
    fc.oneof(
      ...[oneOf('count', count), oneOf('decimal', decimal), oneOf('time', time), packets],
      ...[oneOf('text', text), oneOf('histogram', histogram)],
      oneOf('flag', fc.constantFrom('0', '1', 'true', 'False', '2', '00')),
    ),
    { maxLength: 3 },
  )
  .map((changes) => aFlow(Object.assign({}, ...changes) as Record<string, string>));

test('plain rows are what SQL makes of them', async () => {
  let plain = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(flow, { minLength: 200, maxLength: 200 }),
      fc.shuffledSubarray(names, { minLength: names.length }),
      async (flows, columns) => {
        const home = await aHome();
        const csv = flowCsv(flows, columns);
        const [source] = (await listSources([await home.file('f.csv', csv)])).flows;
        const parse = (heldRows: number): Promise<ParsedSource> =>
          parseFlows({ source: source!, stagingDir: home.staging(), db: home.db, heldRows }); // it was listed
        const [mixed, bySql] = [await parse(50), await parse(0)];
        expect(mixed.rowsStored).toBe(bySql.rowsStored);
        expect(mixed.faults).toEqual(bySql.faults);
        expect(mixed.rowsByApp).toEqual(bySql.rowsByApp);
        const differing = await home.db.rows(
          `(FROM ${stored(mixed)} EXCEPT ALL FROM ${stored(bySql)}) UNION ALL
           (FROM ${stored(bySql)} EXCEPT ALL FROM ${stored(mixed)})`,
        );
        expect(differing).toEqual([]);
        const unfiled = await parseFlows({
          ...{ source: source!, stagingDir: home.staging(), db: home.db, filed: false }, // it was listed
        });
        expect(unfiled).toMatchObject({ rowsStored: bySql.rowsStored, faults: bySql.faults });
        expect(await flowsOf(home, unfiled)).toEqual(await flowsOf(home, bySql));
        const [header = '', ...lines] = csv.split('\n');
        const rows = new PlainRows(parseHeader(header), lines.length);
        plain += lines.filter((line, row) => rows.take(row + 1, Buffer.from(line))).length;
      },
    ),
    { numRuns: 10, endOnFailure: true },
  );
  expect(plain).toBeGreaterThan(500);
  expect(plain).toBeLessThan(1_900);
});

/** The flows of a file; of a folder's name DuckDB reads the application `NULL` as none. */
async function flowsOf({ db, root }: StoreHome, parsed: ParsedSource): Promise<FlowSet[]> {
  const batches: FlowSet[] = [];
  const request = { db, parsed, scratchDir: join(root, 'features') };
  await readParsedFlows(request, (batch) => Promise.resolve(void batches.push(batch)));
  return batches.map(({ app, ...flows }) => ({
    ...flows,
    app: app.map(String).map((name) => (name === 'null' ? 'NULL' : name)),
  }));
}

function stored({ staged }: ParsedSource): string {
  return `read_parquet(${quoteList(staged.map(({ file }) => file))}, hive_partitioning = true,
    hive_types = {'iso_year': INTEGER, 'iso_week': INTEGER, 'app': VARCHAR})`;
}
