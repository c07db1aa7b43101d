import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { BackfillRequest, PlannedRun } from '../../contracts/backfill.js';
import { dagRunId } from '../../contracts/engine.js';
import {
  backfillView,
  newBackfill,
  stepBackfill,
  type BackfillEvent,
  type BackfillState,
  type RunOutcome,
} from '../../dag/backfill-fold.js';

const ok = { state: 'success', reason: '' } as const;
const bad = { state: 'failed', reason: 'told to fail' } as const;

test('the window slides: a run that ends makes room for the next, in order', () => {
  const backfill = aBackfill(4, { maxActive: 2 });
  expect(backfill.step({ kind: 'started' })).toEqual(['start w/1', 'start w/2']);
  expect(backfill.ended('w/2', ok)).toEqual(['start w/3']);
  expect(backfill.ended('w/3', ok)).toEqual(['start w/4']);
  expect(backfill.ended('w/1', ok)).toEqual([]);
  expect(backfill.state.state).toBe('running');
  backfill.ended('w/4', ok);
  expect(backfill.state.state).toBe('success');
});

test('a backfill with nothing to do succeeds at once', () => {
  const backfill = aBackfill(2, {}, { action: 'skip' });
  backfill.step({ kind: 'started' });
  expect(backfill.states()).toEqual(['skipped', 'skipped']);
  expect(backfill.state.state).toBe('success');
});

describe('after a failure', () => {
  it('stop: what runs ends, the rest is not run, and says why', () => {
    const backfill = aBackfill(4, { maxActive: 2, onFailure: 'stop' });
    backfill.step({ kind: 'started' });
    expect(backfill.ended('w/1', bad)).toEqual([]);
    expect(backfill.state.state).toBe('running');
    backfill.ended('w/2', ok);
    expect(backfill.states()).toEqual(['failed', 'success', 'not_run', 'not_run']);
    expect(backfillView(backfill.state).rows[3]?.reason).toBe('stopped after w/1 failed');
    expect(backfill.state.state).toBe('failed');
  });

  it('continue: all others run, and the backfill has failed', () => {
    const backfill = aBackfill(3, { maxActive: 1, onFailure: 'continue' });
    backfill.step({ kind: 'started' });
    expect(backfill.ended('w/1', bad)).toEqual(['start w/2']);
    backfill.ended('w/2', ok);
    backfill.ended('w/3', ok);
    expect(backfill.states()).toEqual(['failed', 'success', 'success']);
    expect(backfill.state.state).toBe('failed');
  });

  it('a run downstream of it does not run, nor what follows that', () => {
    const backfill = aBackfill(1, { onFailure: 'continue' });
    backfill.add({ dag: 'x', after: ['w/1'] }, { dag: 'y', after: ['x/1'] });
    expect(backfill.step({ kind: 'started' })).toEqual(['start w/1']);
    backfill.ended('w/1', bad);
    expect(backfill.states()).toEqual(['failed', 'upstream_failed', 'upstream_failed']);
    expect(backfill.state.state).toBe('failed');
  });
});

test('a run that follows another starts after its success, before later partitions', () => {
  const backfill = aBackfill(1, { maxActive: 1 });
  backfill.add({ dag: 'x', after: ['w/1'] }, { dag: 'w', partition: '2' });
  expect(backfill.step({ kind: 'started' })).toEqual(['start w/1']);
  expect(backfill.ended('w/1', ok)).toEqual(['start x/1']);
  expect(backfill.ended('x/1', ok)).toEqual(['start w/2']);
});

test.each(['paused', 'drain_requested'] as const)('once %s, nothing starts', (kind) => {
  const backfill = aBackfill(2, { maxActive: 1 });
  backfill.step({ kind: 'started' });
  backfill.step({ kind });
  expect(backfill.ended('w/1', ok)).toEqual([]);
  expect(backfill.state.state).toBe('running');
  const ends = kind === 'paused' ? 'resumed' : 'started';
  expect(backfill.step({ kind: ends })).toEqual(['start w/2']);
});

test('a cancel is carried out once, and what is planned is not run', () => {
  const backfill = aBackfill(2, { maxActive: 1 });
  backfill.step({ kind: 'started' });
  expect(backfill.step({ kind: 'cancel_requested' })).toEqual(['cancel_runs']);
  backfill.ended('w/1', { state: 'cancelled', reason: 'cancelled' });
  expect(backfill.states()).toEqual(['cancelled', 'not_run']);
  expect(backfill.state.state).toBe('cancelled');
  expect(backfill.step({ kind: 'resumed' })).toEqual([]);
});

test('whatever ends in whatever order, the window holds and each partition starts once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom('stop' as const, 'continue' as const),
      fc.infiniteStream(fc.tuple(fc.nat(), fc.boolean(), fc.constantFrom('paused', 'resumed'))),
      (count, maxActive, onFailure, choices) => {
        const backfill = aBackfill(count, { maxActive, onFailure });
        const out: string[] = [];
        const started: string[] = [];
        const take = (commands: readonly string[]): void => {
          const starts = commands.map((text) => text.replace('start ', ''));
          out.push(...starts);
          started.push(...starts);
          expect(out.length).toBeLessThanOrEqual(maxActive);
        };
        take(backfill.step({ kind: 'started' }));
        while (backfill.state.state === 'running') {
          const [pick, fails, pause] = choices.next().value as [number, boolean, 'paused'];
          take(backfill.step({ kind: pause }));
          const [id] = out.splice(pick % Math.max(1, out.length), 1);
          if (id !== undefined) take(backfill.ended(id, fails ? bad : ok));
          else take(backfill.step({ kind: 'resumed' }));
        }
        expect(new Set(started).size).toBe(started.length);
        if (onFailure === 'continue') expect(started).toHaveLength(count);
        expect(backfill.states()).not.toContain('planned');
      },
    ),
  );
});

/** A backfill of partitions 1..count of the DAG `w`, driven by hand. */
function aBackfill(
  count: number,
  request: Partial<BackfillRequest>,
  run: Partial<PlannedRun> = {},
) {
  const settings: BackfillRequest = {
    ...{ dag: 'w', from: '1', to: String(count), params: {}, reprocess: 'none', maxActive: 4 },
    ...{ reverse: false, onFailure: 'stop', cascade: false },
    ...request,
  };
  const aRun = (more: Partial<PlannedRun>): PlannedRun => {
    return { dag: 'w', partition: '1', action: 'run', reason: 'never run', ...more };
  };
  let runs = Array.from({ length: count }, (_, at) => aRun({ ...run, partition: String(at + 1) }));
  let state: BackfillState = newBackfill({ request: settings, runs });
  const step = (event: BackfillEvent): string[] => {
    const next = stepBackfill(state, event);
    state = next.state;
    return next.commands.map((command) => {
      if (command.kind === 'cancel_runs') return command.kind;
      const { kind, run } = command;
      return `${kind} ${dagRunId(run.dag, run.partition)}`;
    });
  };
  return {
    get state() {
      return state;
    },
    states: () => state.runs.map((of) => of.state),
    add(...more: Partial<PlannedRun>[]) {
      runs = [...runs, ...more.map(aRun)];
      state = newBackfill({ request: settings, runs });
    },
    step,
    ended(id: string, outcome: RunOutcome) {
      const at = state.runs.findIndex((run) => dagRunId(run.dag, run.partition) === id);
      return step({ kind: 'run_ended', at, ...outcome });
    },
  };
}
