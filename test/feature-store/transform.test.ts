import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FEATURE_VIEWS } from '../../domain/traffic/feature-views.js';
import { PACKET_STATISTICS } from '../../domain/traffic/packet-statistics.js';
import {
  columnsOfStep,
  transformFlow,
  type FeatureStep,
  type FlowValues,
  type Transformer,
} from '../../domain/traffic/transformer.js';
import { scanSnapshot } from '../../feature-store/delta/scan.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { fitSteps } from '../../feature-store/fit-transformer.js';
import { selectTransformed } from '../../feature-store/transform-sql.js';
import {
  listTransformers,
  loadTransformer,
  saveTransformer,
} from '../../feature-store/transformer-store.js';
import { aHome, deriveFeatures, ingest, REAL_FLOWS, type StoreHome } from './store-builders.js';

const golden = JSON.parse(readFileSync('test/golden/features.json', 'utf8')) as {
  tolerance: number;
  targets: {
    x: string[];
    y: number[];
    classes: number;
    smooth: number;
    categories: string[];
    full: number[][];
  }[];
  scaling: { values: number[]; standard: [number, number]; robust: [number, number] }[];
  packets: { sizes: number[]; ipt: number[]; want: Record<string, number> }[];
};

/** A SELECT of every feature of the real sample files, by the log. */
async function realFeatures(home: StoreHome): Promise<string> {
  await ingest(home, path.join(REAL_FLOWS, 'ndpi-vpn.csv.gz'));
  await deriveFeatures(home);
  const snapshot = await readSnapshot(path.join(home.tablesRoot, 'flow_features'));
  return scanSnapshot(snapshot!); // committed above
}

function aTransformer(steps: Transformer['steps']): Transformer {
  const fittedOn = { table: 'flow_features', version: 0, weeks: [], rows: 0 };
  return { format: 1, view: 'some', fittedOn, steps };
}

function relative(got: number, want: number): number {
  return Math.abs(got - want) / Math.max(1, Math.abs(want));
}

test.each(FEATURE_VIEWS)('$name: SQL and a single flow give the same numbers', async (view) => {
  const home = await aHome();
  const rows = await realFeatures(home);
  const transformer = aTransformer(await fitSteps(view.steps, rows));
  const names = transformer.steps.flatMap(columnsOfStep);
  const [stored, inSql] = await home.db.session(async (session) => {
    const ordered = `SELECT * FROM (${rows}) ORDER BY source_sha, source_row`;
    const select = await selectTransformed(session, transformer, rows, [
      'source_sha',
      'source_row',
    ]);
    return [
      await session.rows<Record<string, number | string | number[]>>(ordered),
      await session.rows<Record<string, number>>(
        `SELECT * FROM (${select}) ORDER BY source_sha, source_row`,
      ),
    ] as const;
  });
  expect(stored.length).toBeGreaterThan(50);
  expect(Object.keys(inSql[0] ?? {})).toEqual(['source_sha', 'source_row', ...names]);
  let largest = 0;
  stored.forEach((flow, i) =>
    transformFlow(transformer, flow satisfies FlowValues).forEach((value, k) => {
      expect(value, names[k]).not.toBeNaN();
      largest = Math.max(largest, relative(inSql[i]?.[names[k] ?? ''] ?? NaN, value));
    }),
  );
  expect(largest).toBeLessThanOrEqual(1e-12);
});

test.each(golden.scaling)(
  'scales fitted in SQL are those of scikit-learn: $standard',
  async (vector) => {
    const rows = `SELECT unnest([${vector.values.join(', ')}]::DOUBLE[]) AS x`;
    const step = { kind: 'scale', of: 'x', log1p: false } as const;
    const fitted = await fitSteps(
      [
        { ...step, by: 'standard' },
        { ...step, by: 'robust' },
      ],
      rows,
    );
    for (const [i, want] of [vector.standard, vector.robust].entries()) {
      const got = fitted[i];
      if (got?.kind !== 'scale') throw new Error('no scaling');
      expect(relative(got.center, want[0])).toBeLessThanOrEqual(golden.tolerance);
      expect(relative(got.scale, want[1])).toBeLessThanOrEqual(golden.tolerance);
    }
  },
);

test.each(golden.targets)(
  '$classes classes counted in SQL are encoded as by scikit-learn',
  async (vector) => {
    const pairs = vector.x.map((category, i) => `('${category}', 'class ${vector.y[i] ?? 0}')`);
    const rows = `SELECT * FROM (VALUES ${pairs.join(', ')}) AS t(name, app)`;
    const step: FeatureStep = { kind: 'target', of: 'name', label: 'app', smooth: vector.smooth };
    const steps = await fitSteps([step], rows);
    const home = await aHome();
    const got = await home.db.session(async (session) => {
      const asked = `SELECT unnest([${vector.categories.map((name) => `'${name}'`).join(', ')}]) AS name`;
      const select = await selectTransformed(session, aTransformer(steps), asked, ['name']);
      return session.rows<Record<string, number>>(select);
    });
    vector.categories.forEach((name, i) => {
      const row = got.find((candidate) => String(candidate['name']) === name);
      const want = vector.full[i] ?? [];
      want.forEach((value, k) => {
        const column = `name_is_class ${want.length === 1 ? 1 : k}`;
        expect(relative(row?.[column] ?? NaN, value), `${name} ${column}`).toBeLessThanOrEqual(
          1e-12,
        );
      });
    });
  },
);

test('packet statistics in SQL are those of scipy', async () => {
  const home = await aHome();
  const padded = (values: number[]) => [...values, ...Array<number>(30).fill(0)].slice(0, 30);
  const rows = golden.packets.map(
    ({ sizes, ipt }, i) =>
      `SELECT ${i} AS i, ${sizes.length}::FLOAT AS ppi_len, [${padded(sizes).join(', ')}] AS ppi_size_bytes, [${padded(ipt).join(', ')}] AS ppi_ipt_ms`,
  );
  const steps = PACKET_STATISTICS.map(
    (of) => ({ kind: 'scale', of, by: 'none', log1p: false, center: 0, scale: 1 }) as const,
  );
  const got = await home.db.session(async (session) =>
    session.rows<Record<string, number>>(
      `${await selectTransformed(session, aTransformer(steps), rows.join(' UNION ALL '), ['i'])} ORDER BY i`,
    ),
  );
  golden.packets.forEach(({ want }, i) => {
    for (const name of PACKET_STATISTICS)
      expect(
        relative(got[i]?.[name] ?? NaN, want[name] ?? NaN),
        `${i} ${name}`,
      ).toBeLessThanOrEqual(golden.tolerance);
  });
});

test('the same rows give the same version, which finds the document again', async () => {
  const home = await aHome();
  const rows = await realFeatures(home);
  const view = FEATURE_VIEWS.find(({ name }) => name === 'flow-scaled');
  const folder = path.join(home.root, 'transformers');
  const once = aTransformer(await fitSteps(view?.steps ?? [], rows));
  const hash = await saveTransformer(folder, once);
  const again = aTransformer(await fitSteps(view?.steps ?? [], rows));
  expect(await saveTransformer(folder, again)).toBe(hash);
  expect(await listTransformers(folder)).toEqual([hash]);
  expect(await loadTransformer(folder, hash)).toEqual(once);
  const other = aTransformer(await fitSteps(view?.steps ?? [], `${rows} LIMIT 50`));
  expect(await saveTransformer(folder, other)).not.toBe(hash);
});

test('a transformer that was edited, or is not there, is refused', async () => {
  const home = await aHome();
  const folder = path.join(home.root, 'transformers');
  const hash = await saveTransformer(folder, aTransformer([]));
  await home.file(`transformers/${hash}.json`, JSON.stringify({ ...aTransformer([]), view: 'x' }));
  for (const asked of [hash, 'f'.repeat(64)])
    await expect(loadTransformer(folder, asked)).rejects.toMatchObject({
      code: 'TRANSFORMER_FILE',
    });
});
