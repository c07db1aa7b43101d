import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_POLICY, type LifecyclePolicy } from '../../../contracts/lifecycle-policy.js';
import { stepLoop } from '../../../domain/lifecycle/loop.js';
import {
  REMEMBERED_REPORTS,
  startLoop,
  versionsToScore,
  type LoopCommand,
  type LoopEvent,
  type LoopState,
  type WindowJudged,
} from '../../../domain/lifecycle/loop-state.js';

const DAY_MS = 86_400_000;

const POLICY: LifecyclePolicy = {
  ...DEFAULT_POLICY,
  retrainOn: [...DEFAULT_POLICY.retrainOn, 'class_severity'],
};

describe('a window', () => {
  test('without an alarm is noted', () => {
    expect(decisions(fold([aDay(1)]).commands)).toEqual(['noted']);
  });

  test('that exceeds a second time starts a retraining, with the reading in the reason', () => {
    const { state, commands } = fold([aDay(1, { error_rise: 1.2 }), aDay(2, { error_rise: 1.1 })]);
    expect(decisions(commands)).toEqual(['noted', 'retrain']);
    expect(commands.at(-1)).toEqual({
      kind: 'start_retrain',
      partition: '2022-03-02',
      attempt: 1,
      endMs: aDay(2).endMs,
      notBeforeMs: null,
      afterSchemaBreak: false,
      reason: '2022-03-02: error_rise 1.1000 > 1.0000',
    });
    expect(state.phase.name).toBe('retraining');
  });

  test('that shows a schema break starts one on flows from its beginning on', () => {
    const window = aDay(9, { data_quality: 3 });
    expect(fold([window]).commands.at(-1)).toMatchObject({
      ...{ kind: 'start_retrain', afterSchemaBreak: true, notBeforeMs: window.startMs },
    });
  });

  test('of a break that is not learnt yet keeps its beginning, one after that has its own', () => {
    const lost = fold([aDay(1, { data_quality: 3 }), aResult({ heldOutRows: 0 })]);
    const again = stepLoop(lost.state, aDay(2, { data_quality: 3 }));
    expect(again.commands.at(-1)).toMatchObject({ notBeforeMs: aDay(1).startMs });
    const learnt = fold([
      ...[aDay(1, { data_quality: 3 }), aResult()],
      { kind: 'promoted', version: '2', at: 5 },
      aDay(9, { data_quality: 3 }, { version: '2' }),
    ]);
    expect(learnt.commands.at(-1)).toMatchObject({ notBeforeMs: aDay(9).startMs });
  });

  test('after a break that was none closes it, and every flow may train again', () => {
    const broken = aDay(1, { data_quality: 3 }, { rows: 100 });
    const calm = [2, 3].map((d) => aDay(d, { data_quality: 0.1 }));
    const { state } = fold([broken, ...calm]);
    expect(state).toMatchObject({ breakMs: null, openBreakMs: null });
    const tooFewFlows = fold([broken, aDay(2)]).state;
    expect(tooFewFlows.openBreakMs).toBe(broken.startMs);
  });

  test('of a later alarm trains on nothing from before a break that was learnt', () => {
    const learnt = fold([
      ...[aDay(1, { data_quality: 3 }), aResult()],
      { kind: 'promoted', version: '2', at: 5 },
      ...[aDay(2, {}, { version: '2' }), aDay(10, { class_severity: 3 }, { version: '2' })],
    ]);
    expect(learnt.commands.at(-1)).toMatchObject({
      ...{ kind: 'start_retrain', notBeforeMs: aDay(1).startMs, afterSchemaBreak: false },
    });
  });

  test('whose features are far off is a schema break as well, that of one class is none', () => {
    expect(started(fold([aDay(9, { feature_severity: 1.6 })]).commands)).toBe(true);
    expect(fold([aDay(9, { feature_severity: 1.6 })]).state.openBreakMs).not.toBeNull();
    expect(fold([aDay(9, { class_severity: 9 })]).state.openBreakMs).toBeNull();
  });

  test('that a model drifted away from slowly is no schema break, a leap is one', () => {
    const slow = [0.9, 1.2, 1.5, 1.8].map((value, d) => aDay(d + 1, { feature_severity: value }));
    const held = { minSamples: { rows: 50_000, rowsPerClass: 0 } };
    expect(fold(slow, held).state.openBreakMs).toBeNull();
    const leap = [0.9, 1.2, 1.9].map((value, d) => aDay(d + 1, { feature_severity: value }));
    expect(fold(leap, held).state.openBreakMs).toBe(aDay(3).startMs);
  });

  test('with an alarm of another signal is a notice', () => {
    const { commands } = fold([aDay(1, { sni_kl: 2, class_mix: 2 })]);
    expect(decisions(commands)).toEqual(['notice', 'notice']);
  });

  test.each<[string, Partial<WindowJudged>, string]>([
    ['of an earlier day', aDay(1), 'it came after a later window had been judged'],
    [
      'of another version',
      { ...aDay(3, { data_quality: 3 }), version: '0' },
      'version 0 was judged, 1 serves',
    ],
  ])('%s is noted only', (_, change, reason) => {
    const { commands } = fold([aDay(2), { ...aDay(3), ...change }]);
    expect(commands.at(-1)).toMatchObject({ decision: { kind: 'noted', reason } });
  });

  test('that comes twice counts once', () => {
    const window = aDay(1, { data_quality: 3 });
    expect(fold([window, window]).commands).toHaveLength(2);
  });
});

describe('an alarm is held', () => {
  const broken = aDay(20, { data_quality: 3 });

  test('until enough flows were seen since it began', () => {
    const { commands } = fold([
      aDay(1, { data_quality: 3 }, { rows: 1000 }),
      aDay(2, { data_quality: 3 }, { rows: 1000 }),
      aDay(3, { data_quality: 3 }, { rows: 1000 }),
    ]);
    expect(decisions(commands)).toEqual(['held', 'held', 'retrain']);
    expect(reasons(commands)[0]).toContain('1000 flows since the alarm began, 3000 are needed');
    expect(commands.at(-1)).toMatchObject({ notBeforeMs: aDay(1).startMs });
  });

  test('until each judged class has had enough', () => {
    const { commands } = fold([aDay(1, { data_quality: 3 }, { rows: 4000, judgedClasses: 180 })]);
    expect(reasons(commands)[0]).toContain('5400 are needed');
  });

  test('while the loop is paused, and not a moment longer', () => {
    const paused = fold([{ kind: 'paused', by: 'ana', at: 1 }, broken]);
    expect(reasons(paused.commands)).toEqual(['by ana', expect.stringContaining('is paused')]);
    const { commands } = stepLoop(paused.state, { kind: 'resumed', by: 'ana', at: 2 });
    expect(decisions(commands)).toEqual(['resumed', 'retrain']);
  });

  test.each([
    ['2022-12-24', true],
    ['2023-01-02', true],
    ['2023-01-03', false],
  ])('in a frozen window: on %s %s', (today, frozen) => {
    const policy = { frozen: [{ from: '12-20', to: '01-02', reason: 'holidays' }] };
    const { commands } = fold([{ ...broken, at: Date.parse(today) }], policy);
    expect(decisions(commands)).toEqual([frozen ? 'held' : 'retrain']);
  });

  test('while cooling down, which one schema break overrides', () => {
    const lost = [aDay(1, { class_severity: 3 }), aResult({ gain: { lower: -1, upper: 1 } })];
    const again = fold([...lost, aDay(3, { class_severity: 3 })]);
    expect(reasons(again.commands).at(-1)).toContain('cooling down until 2022-03-09');
    const override = [...lost, aDay(3, { data_quality: 3 }), aResult({ heldOutRows: 0 })];
    expect(decisions(fold(override).commands)).toEqual(['retrain', 'keep', 'retrain', 'keep']);
    const after = fold([...lost, aDay(9, { class_severity: 3 })]);
    expect(started(after.commands.slice(-1))).toBe(true);
  });

  test('while nothing is above its threshold, though it is not calm yet', () => {
    const few = { rows: 1000 };
    const { commands } = fold([
      aDay(1, { class_severity: 3 }, few),
      aDay(2, { class_severity: 0.9 }),
    ]);
    expect(reasons(commands).at(-1)).toContain('nothing is above its threshold now');
    expect(decisions(commands)).toEqual(['held', 'held']);
  });

  test('while errors are known and have not risen, unless it is a schema break', () => {
    const calm = fold([aDay(1, { class_severity: 3, error_rise: 0.9 })]);
    expect(reasons(calm.commands).at(-1)).toContain('errors have not risen');
    expect(started(fold([aDay(1, { class_severity: 3, error_rise: 1.1 })]).commands)).toBe(true);
    expect(started(fold([aDay(1, { data_quality: 3, error_rise: 0.9 })]).commands)).toBe(true);
  });

  test('twice as long after each gate that is lost, to a bound, until a version is promoted', () => {
    const lost = aResult({ gain: { lower: -1, upper: 1 } });
    const triedOn = (events: readonly LoopEvent[]): string[] =>
      fold(events, { budget: { retrains: 99, days: 1 } }).commands.flatMap((one) =>
        one.kind === 'start_retrain' ? [one.partition] : [],
      );
    const daily = Array.from({ length: 72 }, (_, d) => aDay(d + 1, { class_severity: 3 }));
    const tried = triedOn(daily.flatMap((window) => [window, lost]));
    expect(tried).toEqual(['2022-03-01', '2022-03-08', '2022-03-22', '2022-04-19']);
    const won = triedOn([
      ...daily.slice(0, 7).flatMap((window) => [window, lost]),
      ...[daily[21]!, aResult(), scored(aDay(23), { 1: 0.8, 2: 0.9 })], // there are 72
      { kind: 'promoted', version: '2', at: 5 },
      ...daily.slice(23).flatMap((window) => [{ ...window, version: '2' }, lost]),
    ]);
    expect(won).toEqual(['2022-03-01', '2022-03-22', '2022-03-30', '2022-04-06', '2022-04-20']);
  });

  test('after a challenger of a schema break lost, as long again as the break lasts', () => {
    const lost = aResult({ heldOutRows: 0 });
    const daily = [1, 2, 3, 4, 5, 6, 7, 8].map((day) => aDay(day, { data_quality: 3 }));
    const { commands } = fold(daily.flatMap((window) => [window, lost]));
    const tried = commands.flatMap((one) => (one.kind === 'start_retrain' ? [one.partition] : []));
    expect(tried).toEqual(['2022-03-01', '2022-03-02', '2022-03-04', '2022-03-08']);
  });

  test('when the budget is spent', () => {
    const lost = aResult({ gain: { lower: -1, upper: 1 } });
    const spent = [1, 9, 17].flatMap((day) => [aDay(day, { class_severity: 3 }), lost]);
    const policy = { coolDown: { ...DEFAULT_POLICY.coolDown, maxDays: 7 } };
    const { commands } = fold([...spent, aDay(25, { class_severity: 3 })], policy);
    expect(reasons(commands).at(-1)).toContain('3 retrainings within 30 days are the budget');
    const later = fold([...spent, aDay(33, { class_severity: 3 })], policy);
    expect(started(later.commands.slice(-1))).toBe(true);
  });
});

describe('a retraining', () => {
  const alarmed = aDay(1, { class_severity: 3 });
  const failed: LoopEvent = { kind: 'retrain_failed', reason: 'out of memory', at: 2 };

  test('that fails is tried again, and given up after the third time', () => {
    const { state, commands } = fold([alarmed, failed, failed, failed]);
    expect(decisions(commands)).toEqual(['retrain', 'retried', 'retried', 'failed']);
    expect(reasons(commands).at(-1)).toBe('try 3 of 3 failed: out of memory');
    expect(state.phase.name).toBe('idle');
    expect(decisions(fold([alarmed, failed, failed, failed, failed]).commands)).toHaveLength(4);
  });

  test('whose challenger is not better leaves the champion', () => {
    const { state, commands } = fold([alarmed, aResult({ gain: { lower: -0.1, upper: 0.1 } })]);
    expect(decisions(commands)).toEqual(['retrain', 'keep']);
    expect(reasons(commands).at(-1)).toContain('lower bound of its gain in macro-F1 is -0.1000');
    expect(state).toMatchObject({ phase: { name: 'idle' }, serving: '1', alarms: {} });
  });

  test('can be asked for', () => {
    const { commands } = fold([aDay(1), { kind: 'retrain_forced', by: 'ana', at: 2 }]);
    expect(commands.at(-1)).toMatchObject({ kind: 'start_retrain', reason: 'asked by ana' });
  });
});

describe('a challenger that won', () => {
  const alarmed = aDay(1, { class_severity: 3 });

  test('answers beside the champion before it is promoted', () => {
    const shadow = fold([alarmed, aResult()]);
    expect(decisions(shadow.commands)).toEqual(['retrain', 'shadow']);
    expect(versionsToScore(shadow.state)).toEqual(['1', '2']);
    const { commands } = stepLoop(shadow.state, scored(aDay(2), { 1: 0.8, 2: 0.79 }));
    expect(commands.at(-1)).toEqual({ kind: 'promote', version: '2', replaces: '1' });
  });

  test('and is worse in shadow is not promoted', () => {
    const { commands } = fold([alarmed, aResult(), scored(aDay(2), { 1: 0.8, 2: 0.77 })]);
    expect(decisions(commands)).toEqual(['retrain', 'shadow', 'noted', 'keep']);
  });

  test('stays in shadow while there are no labels', () => {
    const { state, commands } = fold([alarmed, aResult(), aDay(2)]);
    expect(reasons(commands).at(-1)).toBe('no labels to compare challenger 2 by');
    expect(state.phase.name).toBe('shadow');
  });

  test('after a schema break serves at once', () => {
    const { commands } = fold([aDay(1, { data_quality: 3 }), aResult()]);
    expect(commands.at(-1)).toEqual({ kind: 'promote', version: '2', replaces: '1' });
  });

  test('waits for a person where the policy says so', () => {
    const asked = fold([alarmed, aResult({ at: 1000 })], { approvalHours: 1 });
    const expiresAt = 1000 + 3_600_000;
    expect(asked.commands.at(-1)).toEqual({ kind: 'ask_approval', version: '2', expiresAt });
    const by = { version: '2', by: 'ana', at: 2 };
    expect(after(asked.state, { kind: 'approved', ...by })).toEqual(['shadow']);
    expect(after(asked.state, { kind: 'refused', ...by })).toEqual(['keep']);
    expect(after(asked.state, { kind: 'approval_expired', version: '2', at: 9 })).toEqual(['keep']);
    expect(after(asked.state, { kind: 'approved', ...by, version: '7' })).toEqual([]);
  });

  test('and cannot be promoted leaves the champion, with the reason', () => {
    const { state, commands } = fold([
      ...[aDay(1, { data_quality: 3 }), aResult()],
      { kind: 'promote_failed', version: '2', reason: 'registry away', at: 5 },
    ]);
    expect(reasons(commands).at(-1)).toBe('promotion failed: registry away');
    expect(state).toMatchObject({ serving: '1', phase: { name: 'idle' } });
  });
});

describe('a promoted version', () => {
  const promoted = fold([
    ...[aDay(1, { class_severity: 3 }), aResult(), scored(aDay(2), { 1: 0.8, 2: 0.9 })],
    { kind: 'promoted', version: '2', at: 5 },
  ]).state;

  test('serves, and is watched beside the one before', () => {
    expect(promoted).toMatchObject({ serving: '2', previous: '1', phase: { name: 'idle' } });
    expect(versionsToScore(promoted)).toEqual(['2', '1']);
  });

  test('that is worse is rolled back', () => {
    const worse = scored(aDay(3), { 1: 0.9, 2: 0.87 }, '2');
    const { state, commands } = stepLoop(promoted, worse);
    expect(commands.at(-1)).toEqual({ kind: 'roll_back', version: '1', replaces: '2' });
    const back = stepLoop(state, { kind: 'rolled_back', version: '1', at: 7 });
    expect(decisions(back.commands)).toEqual(['rolled_back']);
    expect(back.state).toMatchObject({ serving: '1', previous: null, watchUntilMs: null });
  });

  test('and whose challenger is in shadow when the watch ends is settled, and the window counts', () => {
    const day = (d: number) => scored(aDay(d), { 1: 0.8, 2: 0.9, 3: 0.95 }, '2');
    const shadow = [
      { kind: 'retrain_forced', by: 'ana', at: 6 } as const,
      aResult({ champion: '2', challenger: '3' }),
    ].reduce((state, event) => stepLoop(state, event).state, promoted);
    expect(after(shadow, day(9))).toEqual(['settled', 'noted', 'promote']);
  });

  test('that did well until the end of the watch is settled', () => {
    const day = (d: number) => scored(aDay(d), { 1: 0.8, 2: 0.9 }, '2');
    expect(after(promoted, day(8))).toEqual(['noted']);
    expect(after(promoted, day(9))).toEqual(['settled', 'noted']);
  });

  test('of a schema break is retrained when the flows since have doubled, until they are enough', () => {
    let state = startLoop(POLICY);
    const tried: string[] = [];
    const tell = (event: LoopEvent): void => {
      const step = stepLoop(state, event);
      state = step.state;
      for (const command of step.commands) {
        if (command.kind === 'start_retrain') {
          tried.push(command.partition);
          tell(aResult({ challenger: `${Number(state.serving) + 1}` }));
        } else if (command.kind === 'promote') {
          tell({ kind: 'promoted', version: command.version, at: 5 });
        }
      }
    };
    for (let d = 1; d <= 90; d++) {
      const version = state.serving ?? '1';
      const isBroken = d >= 5 && version === '1';
      const window = aDay(d, isBroken ? { data_quality: 3 } : {}, { rows: 1000, version });
      const scores = Object.fromEntries(versionsToScore(state).map((id) => [id, 0.9]));
      tell(scored(window, scores));
    }
    expect(tried).toEqual(['2022-03-07', '2022-03-14', '2022-03-24', '2022-04-13']);
  });

  test('can be rolled back by a person, once', () => {
    const ask: LoopEvent = { kind: 'rollback_asked', by: 'ana', at: 6 };
    const { state, commands } = stepLoop(promoted, ask);
    expect(commands.at(-1)).toEqual({ kind: 'roll_back', version: '1', replaces: '2' });
    const back = stepLoop(state, { kind: 'rolled_back', version: '1', at: 7 }).state;
    expect(after(back, ask)).toEqual(['refused']);
  });
});

test.each<[string, LoopEvent]>([
  ['a retraining', { kind: 'retrain_forced', by: 'ana', at: 2 }],
  ['a promotion', { kind: 'promote_asked', version: '7', by: 'ana', at: 2 }],
  ['a rollback', { kind: 'rollback_asked', by: 'ana', at: 2 }],
])('%s that a person asks for during a retraining is refused', (_, event) => {
  const { state } = fold([aDay(1, { class_severity: 3 })]);
  expect(reasons(stepLoop(state, event).commands)).toEqual([
    'ana asked: the loop is busy (retraining)',
  ]);
});

test('a version that a person asks for is promoted', () => {
  const { commands } = fold([aDay(1), { kind: 'promote_asked', version: '7', by: 'ana', at: 2 }]);
  expect(commands.at(-1)).toEqual({ kind: 'promote', version: '7', replaces: '1' });
});

describe('a version that serves without the doing of the loop', () => {
  const moved: LoopEvent = { kind: 'serving_moved', version: '7', at: 3 };

  test('is taken for the serving one, and the one before can be gone back to', () => {
    const { state, commands } = fold([aDay(1, { class_severity: 0.9 }), moved]);
    expect(state).toMatchObject({ serving: '7', previous: '1', alarms: {} });
    expect(decisions(commands)).toEqual(['noted', 'moved']);
    expect(after(state, moved)).toEqual([]);
  });

  test('ends a shadow, whose challenger was held against another', () => {
    const { state } = fold([aDay(9, { class_severity: 3 }), aResult(), moved]);
    expect(state.phase.name).toBe('idle');
  });

  test('and was not the one that a challenger was compared with stays', () => {
    const { state, commands } = fold([aDay(9, { class_severity: 3 }), moved, aResult()]);
    expect(state).toMatchObject({ serving: '7', phase: { name: 'idle' } });
    expect(reasons(commands).at(-1)).toBe('challenger 2 was compared with version 1, 7 serves');
  });
});

test('a retraining cannot be asked for before a window was judged', () => {
  const { commands } = fold([{ kind: 'retrain_forced', by: 'ana', at: 2 }]);
  expect(reasons(commands)).toEqual(['ana asked: no window has been judged yet']);
});

test('the state survives JSON and stays small', () => {
  const windows = Array.from({ length: 500 }, (_, i) => aDay(i + 1, { class_severity: 3 }));
  const { state } = fold(windows.flatMap((window) => [window, aResult({ heldOutRows: 0 })]));
  expect(state.seen).toHaveLength(REMEMBERED_REPORTS);
  expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  expect(JSON.stringify(state).length).toBeLessThan(20_000);
});

const anyEvent: fc.Arbitrary<LoopEvent> = fc.oneof(
  fc
    .record({
      day: fc.integer({ min: 1, max: 60 }),
      version: fc.constantFrom('1', '2', '3'),
      signal: fc.constantFrom('class_severity', 'data_quality', 'sni_kl', 'error_rise'),
      value: fc.double({ min: 0, max: 3, noNaN: true }),
      rows: fc.constantFrom(100, 5000),
      served: fc.double({ min: 0.7, max: 1, noNaN: true }),
    })
    .map(({ day, version, signal, value, rows, served }) =>
      scored(aDay(day, { [signal]: value }, { rows }), { 1: 0.8, 2: served, 3: served }, version),
    ),
  fc
    .record({
      champion: fc.constantFrom('1', '2'),
      challenger: fc.constantFrom('2', '3'),
      lower: fc.double({ min: -1, max: 1 }),
    })
    .map(({ champion, challenger, lower }) =>
      aResult({ champion, challenger, gain: { lower, upper: 1 } }),
    ),
  fc.constantFrom<LoopEvent>(
    { kind: 'retrain_failed', reason: 'x', at: 1 },
    { kind: 'promote_failed', version: '2', reason: 'x', at: 1 },
    { kind: 'rollback_failed', version: '1', reason: 'x', at: 1 },
    { kind: 'paused', by: 'x', at: 1 },
    { kind: 'resumed', by: 'x', at: 1 },
    { kind: 'retrain_forced', by: 'x', at: 1 },
    { kind: 'rollback_asked', by: 'x', at: 1 },
  ),
  fc
    .record({
      kind: fc.constantFrom(
        ...(['approved', 'refused', 'promote_asked', 'promoted'] as const),
        ...(['rolled_back', 'serving_moved'] as const),
      ),
      version: fc.constantFrom('1', '2', '3'),
    })
    .map(({ kind, version }): LoopEvent => ({ kind, version, by: 'x', at: 1 })),
);

test('whatever happens, one command is under way at most and what serves was reported back', () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 80 }), fc.boolean(), (events, approval) => {
      let state = startLoop({ ...POLICY, approvalHours: approval ? 1 : null });
      for (const event of events) {
        const before = state;
        const step = stepLoop(before, event);
        state = step.state;
        const busy = step.commands.filter(({ kind }) => kind !== 'record_decision');
        expect(busy.length).toBeLessThanOrEqual(1);
        if (busy.length === 1) expect(state.phase.name).not.toBe('idle');
        if (state.serving !== before.serving && before.serving !== null) {
          expect(['promoted', 'rolled_back', 'serving_moved']).toContain(event.kind);
          expect('version' in event && event.version).toBe(state.serving);
        }
        const heardBefore =
          event.kind === 'window_judged' && before.seen.includes(event.reportHash);
        if (event.kind === 'window_judged' && !heardBefore) {
          const about = step.commands.filter((command) =>
            JSON.stringify(command).includes(event.partition),
          );
          expect(about.length).toBeGreaterThanOrEqual(1);
        }
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
      }
    }),
  );
});

function fold(
  events: readonly LoopEvent[],
  policy: Partial<LifecyclePolicy> = {},
): { state: LoopState; commands: LoopCommand[] } {
  let state = startLoop({ ...POLICY, ...policy });
  const commands: LoopCommand[] = [];
  for (const event of events) {
    const step = stepLoop(state, event);
    state = step.state;
    commands.push(...step.commands);
  }
  return { state, commands };
}

function after(state: LoopState, event: LoopEvent): string[] {
  return decisions(stepLoop(state, event).commands);
}

/** Day `d` of March, with readings against a threshold of 1. */
function aDay(
  d: number,
  values: Readonly<Record<string, number>> = {},
  change: Partial<WindowJudged> = {},
): WindowJudged {
  const startMs = Date.UTC(2022, 2, d);
  const partition = new Date(startMs).toISOString().slice(0, 10);
  return {
    ...{ kind: 'window_judged', reportHash: `${partition} ${JSON.stringify(values)}`, partition },
    ...{ length: 'day', startMs, endMs: startMs + DAY_MS, rows: 5000, judgedClasses: 10 },
    ...{ version: '1', causes: [], scores: [], at: startMs + DAY_MS },
    readings: Object.entries(values).map(([signal, value]) => ({
      ...{ signal, value, threshold: 1, calm: 0.8 },
    })),
    ...change,
  };
}

function scored(
  window: WindowJudged,
  scores: Readonly<Record<string, number>>,
  version = window.version,
): WindowJudged {
  const all = Object.entries(scores).map(([of, weightedF1]) => ({ version: of, weightedF1 }));
  return { ...window, version, scores: all };
}

function aResult(
  change: Partial<Extract<LoopEvent, { kind: 'retrain_finished' }>['gate']> & {
    champion?: string;
    challenger?: string;
    at?: number;
  } = {},
): LoopEvent {
  const { champion = '1', challenger = '2', at = 4, ...gate } = change;
  return {
    ...{ kind: 'retrain_finished', champion, challenger, at },
    gate: {
      ...{ heldOutRows: 2000, championF1: 0.61, challengerF1: 0.78 },
      ...{ gain: { lower: 0.1, upper: 0.2 }, classes: [], eceRise: 0, latencyRatio: 1 },
      ...gate,
    },
  };
}

function decisions(commands: readonly LoopCommand[]): string[] {
  return commands.flatMap((one) => (one.kind === 'record_decision' ? [one.decision.kind] : []));
}

function reasons(commands: readonly LoopCommand[]): string[] {
  return commands.flatMap((one) => (one.kind === 'record_decision' ? [one.decision.reason] : []));
}

function started(commands: readonly LoopCommand[]): boolean {
  return commands.some(({ kind }) => kind === 'start_retrain');
}
