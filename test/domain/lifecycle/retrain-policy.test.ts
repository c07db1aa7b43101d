import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  REMEMBERED_REPORTS,
  startLifecycle,
  stepLifecycle,
  type DriftReported,
  type LifecycleCommand,
  type LifecycleEvent,
  type LifecycleState,
} from '../../../domain/lifecycle/retrain-policy.js';

describe('a drift report', () => {
  test('on features starts a retraining, with the statistic in the reason', () => {
    const { state, commands } = fold([aReport()]);
    expect(state.phase).toBe('retraining');
    expect(commands).toMatchObject([
      { kind: 'record_decision', decision: 'retrain' },
      {
        kind: 'start_retrain',
        partition: '2022-W26',
        reason: '2022-W26: ppi_severity 0.1200 > 0.0700',
      },
    ]);
  });

  test.each([
    ['only the names drifted', { statistics: [drifted('sni_kl')] }],
    ['nothing drifted', { statistics: [] }],
    ['it rests on too few rows', { rows: 199 }],
  ])('is only noted when %s', (_, change) => {
    const { state, commands } = fold([aReport(change)]);
    expect(state.phase).toBe('idle');
    expect(commands).toMatchObject([{ kind: 'record_decision', decision: 'noted' }]);
  });

  test('that comes twice counts once', () => {
    expect(fold([aReport(), aReport()]).commands).toHaveLength(2);
  });

  test('during a retraining waits; only the newest one is kept', () => {
    const { state, commands } = fold([
      aReport({ reportHash: 'a' }),
      aReport({ reportHash: 'b', partition: '2022-W27' }),
      aReport({ reportHash: 'c', partition: '2022-W28' }),
      { kind: 'retrain_failed', reason: 'out of memory', at: 9 },
    ]);
    expect(decisions(commands)).toEqual(['retrain', 'superseded', 'failed', 'retrain']);
    expect(state.active?.reportHash).toBe('c');
  });

  test('during a pause waits for the end of the pause', () => {
    const paused = fold([{ kind: 'paused', at: 1 }, aReport()]);
    expect(paused.commands).toEqual([]);
    const { state } = stepLifecycle(paused.state, { kind: 'resumed', at: 2 });
    expect(state.phase).toBe('retraining');
  });
});

describe('the gate', () => {
  test('promotes a better challenger, and is done when the promotion is', () => {
    const { state, commands } = fold([
      aReport(),
      aResult({ championF1: 0.61, challengerF1: 0.78 }),
      { kind: 'promoted', version: '2', at: 5 },
    ]);
    expect(commands).toContainEqual({ kind: 'promote', version: '2' });
    expect(decisions(commands)).toEqual(['retrain', 'promote', 'promoted']);
    expect(state).toMatchObject({ phase: 'idle', active: null, candidate: null });
  });

  test.each([
    ['is only as good', { championF1: 0.7, challengerF1: 0.7 }],
    ['was measured on nothing', { challengerF1: 0.9, heldOutRows: 0 }],
    ['has no score', { challengerF1: NaN }],
  ])('keeps the champion when the challenger %s', (_, change) => {
    const { state, commands } = fold([aReport(), aResult(change)]);
    expect(decisions(commands)).toEqual(['retrain', 'keep']);
    expect(state.phase).toBe('idle');
  });

  test('asks for a gain above the tolerance', () => {
    const result = aResult({ championF1: 0.7, challengerF1: 0.71 });
    expect(decisions(fold([aReport(), result], { minGain: 0.02 }).commands)).toContain('keep');
  });

  test('a promotion that failed leaves the champion, and the reason', () => {
    const { commands } = fold([
      aReport(),
      aResult({}),
      { kind: 'promote_failed', reason: 'registry away', at: 5 },
    ]);
    expect(commands.at(-1)).toMatchObject({ reason: 'promotion failed: registry away' });
  });
});

test('the state survives JSON and stays small', () => {
  const reports = Array.from({ length: 300 }, (_, i) => aReport({ reportHash: `h${i}` }));
  const { state } = fold(reports);
  expect(state.seen).toHaveLength(REMEMBERED_REPORTS);
  expect(JSON.parse(JSON.stringify(state))).toEqual(state);
});

const anyEvent: fc.Arbitrary<LifecycleEvent> = fc.oneof(
  fc
    .record({ hash: fc.nat(20), rows: fc.constantFrom(100, 5000), names: fc.nat(2) })
    .map(({ hash, rows, names }) =>
      aReport({
        reportHash: `h${hash}`,
        rows,
        statistics: [[], [drifted('sni_kl')], [drifted('sni_kl'), drifted('ppi_severity')]][names]!, // 0..2
      }),
    ),
  fc
    .record({
      championF1: fc.double({ min: 0, max: 1, noNaN: true }),
      challengerF1: fc.constant(0.5),
    })
    .map(aResult),
  fc.constant<LifecycleEvent>({ kind: 'retrain_failed', reason: 'x', at: 1 }),
  fc.constant<LifecycleEvent>({ kind: 'promoted', version: '2', at: 1 }),
  fc.constant<LifecycleEvent>({ kind: 'promote_failed', reason: 'x', at: 1 }),
  fc.constant<LifecycleEvent>({ kind: 'paused', at: 1 }),
  fc.constant<LifecycleEvent>({ kind: 'resumed', at: 1 }),
);
const anyHistory = fc.array(anyEvent, { maxLength: 60 });

describe('whatever happens', () => {
  test('there are never two retrainings at once', () => {
    fc.assert(
      fc.property(anyHistory, (events) => {
        let state = startLifecycle();
        let running = false;
        for (const event of events) {
          const ends = event.kind === 'retrain_finished' || event.kind === 'retrain_failed';
          if (running && ends) running = false;
          const step = stepLifecycle(state, event);
          for (const command of step.commands) {
            if (command.kind !== 'start_retrain') continue;
            expect(running).toBe(false);
            running = true;
          }
          expect(step.state.phase === 'retraining').toBe(running);
          state = step.state;
        }
      }),
    );
  });

  test('a report leads to at most one retraining', () => {
    fc.assert(
      fc.property(anyHistory, (events) => {
        const started = fold(events).commands.filter(isAbout('retrain')).map(hashOf);
        expect(new Set(started).size).toBe(started.length);
      }),
    );
  });

  test('every report ends in exactly one of noted, retrain, superseded', () => {
    fc.assert(
      fc.property(anyHistory, (events) => {
        const first = fold(events);
        const rest: LifecycleEvent[] = [
          { kind: 'resumed', at: 2 },
          { kind: 'retrain_failed', reason: 'end', at: 3 },
          { kind: 'promote_failed', reason: 'end', at: 3 },
        ];
        const last = fold(rest, {}, first.state);
        const decided = [...first.commands, ...last.commands]
          .filter(isAbout('noted', 'retrain', 'superseded'))
          .map(hashOf);
        const reported = events.flatMap((e) => (e.kind === 'drift_reported' ? [e.reportHash] : []));
        expect(decided.sort()).toEqual([...new Set(reported)].sort());
      }),
    );
  });
});

function fold(
  events: readonly LifecycleEvent[],
  policy = {},
  from = startLifecycle(policy),
): { state: LifecycleState; commands: LifecycleCommand[] } {
  const commands: LifecycleCommand[] = [];
  let state = from;
  for (const event of events) {
    const step = stepLifecycle(state, event);
    commands.push(...step.commands);
    state = step.state;
  }
  return { state, commands };
}

function aReport(change: Partial<DriftReported> = {}): DriftReported {
  return {
    kind: 'drift_reported',
    reportHash: 'r1',
    partition: '2022-W26',
    rows: 4000,
    statistics: [drifted('ppi_severity')],
    at: 1,
    ...change,
  };
}

function aResult(
  change: { championF1?: number; challengerF1?: number; heldOutRows?: number } = {},
): LifecycleEvent {
  return {
    kind: 'retrain_finished',
    challengerVersion: '2',
    championF1: 0.6,
    challengerF1: 0.8,
    heldOutRows: 900,
    at: 4,
    ...change,
  };
}

function drifted(statistic: string): DriftReported['statistics'][number] {
  return { statistic, value: 0.12, threshold: 0.07 };
}

function decisions(commands: readonly LifecycleCommand[]): string[] {
  return commands.flatMap((c) => (c.kind === 'record_decision' ? [c.decision] : []));
}

type Decision = Extract<LifecycleCommand, { kind: 'record_decision' }>;

function isAbout(...kinds: readonly string[]): (command: LifecycleCommand) => command is Decision {
  return (command): command is Decision =>
    command.kind === 'record_decision' && kinds.includes(command.decision);
}

function hashOf(decision: Decision): unknown {
  return decision.evidence['reportHash'];
}
