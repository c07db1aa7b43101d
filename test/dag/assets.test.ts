import { describe, expect, it } from 'vitest';
import {
  assetsOf,
  describeAssets,
  forgetOpenRuns,
  isSatisfied,
  NO_UPDATES,
  stepAssetTrigger,
  type AssetCondition,
  type AssetTriggerEvent,
  type AssetTriggerState,
} from '../../dag/assets.js';

const BOTH: AssetCondition = { all: ['a', 'b'] };
const A_AND_B_OR_C: AssetCondition = { all: ['a', { any: ['b', 'c'] }] };

function updated(asset: string, options: Partial<AssetTriggerEvent> = {}): AssetTriggerEvent {
  const update = { asset, partition: '', by: `run of ${asset}`, atMs: 0, condition: BOTH };
  return { type: 'asset_updated', ...update, ...options }; // of the same type
}

/** All events in turn: the partitions whose run was asked for, and what is left. */
function play(...events: AssetTriggerEvent[]): { started: string[]; state: AssetTriggerState } {
  let state = NO_UPDATES;
  const started: string[] = [];
  for (const event of events) {
    const step = stepAssetTrigger(state, event);
    state = step.state;
    started.push(...step.commands.map(({ partition }) => partition));
  }
  return { started, state };
}

describe('conditions', () => {
  it.each<[AssetCondition, string[], boolean]>([
    ['a', [], false],
    ['a', ['a'], true],
    [BOTH, ['b'], false],
    [BOTH, ['b', 'a'], true],
    [{ any: ['a', 'b'] }, ['b'], true],
    [A_AND_B_OR_C, ['b', 'c'], false],
    [A_AND_B_OR_C, ['a', 'c'], true],
  ])('%o with %o updated: %s', (condition, assets, expected) => {
    expect(isSatisfied(condition, assets)).toBe(expected);
  });

  it('are told in words, and name each asset once', () => {
    expect(describeAssets(A_AND_B_OR_C)).toBe('a and (b or c)');
    expect(describeAssets({ any: [{ all: ['a'] }, BOTH] })).toBe('a or (a and b)');
    expect(assetsOf({ any: ['a', BOTH] })).toEqual(['a', 'b']);
  });
});

describe('a trigger', () => {
  it('starts one run when all have been updated, in any order', () => {
    expect(play(updated('b'), updated('a')).started).toEqual(['']);
  });

  it('begins anew after that', () => {
    const again = { by: 'another run' };
    const closed: AssetTriggerEvent = { type: 'run_closed', partition: '' };
    expect(play(updated('a'), updated('b'), closed, updated('a', again)).started).toHaveLength(1);
    expect(
      play(updated('a'), updated('b'), closed, updated('a', again), updated('b', again)).started,
    ).toHaveLength(2);
  });

  it('counts the same update once, however often it is told', () => {
    const any = { condition: { any: ['a', 'b'] } };
    const closed: AssetTriggerEvent = { type: 'run_closed', partition: '' };
    expect(play(updated('a', any), closed, updated('a', any)).started).toHaveLength(1);
    expect(play(updated('a', any), closed, updated('a', { ...any, by: 'later' })).started).toHaveLength(2); // prettier-ignore
  });

  it('updates while a run is under way lead to one more run afterwards', () => {
    const one = (by: string) => updated('a', { condition: 'a', by });
    const { started, state } = play(one('1'), one('2'), one('3'));
    expect(started).toEqual(['']);
    expect(stepAssetTrigger(state, { type: 'run_closed', partition: '' }).commands).toHaveLength(1);
  });

  it('each partition waits for its own updates', () => {
    const week = (asset: string, partition: string) =>
      updated(asset, { partition, by: `${asset} of ${partition}` });
    expect(play(week('a', 'W1'), week('b', 'W2'), week('a', 'W2')).started).toEqual(['W2']);
  });

  it('an update is judged by the condition it brings: the newest plan decides', () => {
    expect(play(updated('a'), updated('c', { condition: { all: ['a', 'c'] } })).started).toEqual(['']); // prettier-ignore
  });

  it('runs sixteen partitions at a time, and the others in order as those end', () => {
    const weeks = Array.from({ length: 20 }, (_, index) => `W${index}`);
    const { started, state } = play(
      ...weeks.map((partition) => updated('a', { partition, by: partition, condition: 'a' })),
    );
    expect(started).toEqual(weeks.slice(0, 16));
    const next = stepAssetTrigger(state, { type: 'run_closed', partition: 'W3' });
    expect(next.commands).toEqual([{ type: 'start_run', partition: 'W16' }]);
  });

  it('forgets runs that have started, tries the others again, and keeps what it has counted', () => {
    const week = (partition: string) => updated('a', { partition, by: partition, condition: 'a' });
    const { state } = play(week('W1'), week('W2'), updated('a', { partition: 'W3' }));
    const kept = forgetOpenRuns(state, new Set(['W1']));
    const resumed = stepAssetTrigger(kept, { type: 'resumed' });
    expect(resumed.commands.map(({ partition }) => partition)).toEqual(['W2']);
    expect(resumed.state.gathered).toEqual({ W3: ['a'] });
    expect(stepAssetTrigger(resumed.state, week('W1')).commands).toEqual([]);
  });
});
