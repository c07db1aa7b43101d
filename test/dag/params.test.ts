import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { dag } from '../../dag/declare.js';
import { oneOf, required } from '../../dag/param.js';
import { checkGiven, paramRows, resolveParams } from '../../dag/params.js';

const { declaration } = dag(
  'ingest',
  {
    params: {
      path: 'in',
      depth: 3,
      preset: null,
      weeks: required<{ last: number; of: number[] }>({
        type: 'object',
        properties: {
          last: { type: 'integer', minimum: 1 },
          of: { type: 'array', items: { type: 'integer' } },
        },
        required: ['last', 'of'],
        additionalProperties: false,
      }),
      mode: oneOf(['demo', 'full'], { description: 'how much' }),
    },
  },
  () => null,
);
const plan = { dag: 'ingest', ...declaration };
const weeks = { weeks: { last: 2, of: [1] } };

describe('parameters of a run', () => {
  it("are the plan's, overlaid by the installation's, then by the run's", () => {
    expect(
      resolveParams(plan, { path: 'here', preset: { name: 'demo' }, ...weeks }, { depth: 4 }),
    ).toEqual({
      path: 'here',
      depth: 4,
      preset: { name: 'demo' },
      mode: 'demo',
      ...weeks,
    });
  });

  it('leave out what the installation knows and the plan does not', () => {
    expect(resolveParams(plan, { elsewhere: 1, ...weeks }, {})).toEqual({
      path: 'in',
      depth: 3,
      preset: null,
      mode: 'demo',
      ...weeks,
    });
  });

  it.each<[string, JsonObject, string[]]>([
    [
      'a name that the DAG does not have',
      { paht: 'x' },
      [
        'DAG_BAD_PARAM ingest: no parameter "paht", expected one of path, depth, preset, weeks, mode',
      ],
    ],
    [
      'another JSON type than the default',
      { path: ['x'], depth: '4' },
      [
        'DAG_BAD_PARAM ingest: parameter "path" at $: ["x"] (a list), expected string',
        'DAG_BAD_PARAM ingest: parameter "depth" at $: "4", expected number',
      ],
    ],
    [
      'what the schema does not allow, wherever it lies',
      { weeks: { last: 0, of: [1, 'x'], odd: 1 }, mode: 'quick' },
      [
        'DAG_BAD_PARAM ingest: parameter "weeks" at $.odd: 1, expected no such key',
        'DAG_BAD_PARAM ingest: parameter "weeks" at $.last: 0, expected >= 1',
        'DAG_BAD_PARAM ingest: parameter "weeks" at $.of[1]: "x", expected integer',
        'DAG_BAD_PARAM ingest: parameter "mode" at $: "quick", expected one of "demo", "full"',
      ],
    ],
  ])('refuse %s', (_, given, messages) => {
    for (const refusing of [
      () => resolveParams(plan, weeks, given),
      () => checkGiven(plan, given),
    ]) {
      expect(linesOf(refusing)).toEqual(
        messages.map((line) => expect.stringContaining(line) as string),
      );
    }
  });

  it('must be there where they have no default; before the start the installation may still give them', () => {
    const message =
      'DAG_BAD_PARAM ingest: parameter "weeks" is missing, expected a value. Fix: give it: --param weeks=…';
    expect(() => resolveParams(plan, {}, {})).toThrow(message);
    expect(() => checkGiven(plan, {})).not.toThrow();
  });

  it('are shown with default, schema and description', () => {
    expect(paramRows(plan).at(-1)).toEqual(['mode', '"demo"', '"demo" | "full"', 'how much']);
  });
});

function linesOf(refusing: () => unknown): string[] {
  try {
    refusing();
    return [];
  } catch (error) {
    const lines = (error as Error).message.split('\n');
    return lines.length === 1 ? lines : lines.slice(1);
  }
}
