import { describe, expect, it } from 'vitest';
import { resolveParams } from '../../dag/params.js';
import { aPlan } from '../builders/plan.js';

const plan = { ...aPlan({ a: {} }, 'ingest'), params: { path: 'in', depth: 3, preset: null } };

describe('parameters of a run', () => {
  it("are the plan's, overlaid by the installation's, then by the run's", () => {
    expect(resolveParams(plan, { path: 'here', preset: { name: 'demo' } }, { depth: 4 })).toEqual({
      path: 'here',
      depth: 4,
      preset: { name: 'demo' },
    });
  });

  it('leave out what the installation knows and the plan does not', () => {
    expect(resolveParams(plan, { elsewhere: 1 }, {})).toEqual({
      path: 'in',
      depth: 3,
      preset: null,
    });
  });

  it.each([
    [
      { paht: 'x' },
      'DAG_BAD_PARAM: "ingest" has no parameter "paht", expected one of: path, depth, preset',
    ],
    [{ depth: '4' }, 'DAG_BAD_PARAM: parameter "depth" is string, expected number'],
    [{ path: ['x'] }, 'DAG_BAD_PARAM: parameter "path" is array, expected string'],
  ])('refuses %j', (given, message) => {
    expect(() => resolveParams(plan, {}, given)).toThrow(message);
  });
});
