/** Hysteresis: when readings of a signal raise its alarm, and when they clear it. */
import type { AlarmRule } from '../../contracts/lifecycle-policy.js';
import type { Reading } from '../../contracts/signals.js';

/** What is remembered of a signal; plain JSON. */
export interface Alarm {
  readonly raised: boolean;
  /** Whether each of the last windows exceeded, oldest first. */
  readonly recent: readonly boolean[];
  /** Windows in a row that were calm. */
  readonly calm: number;
  /** Flows seen since the first window that exceeded; 0 when none does. */
  readonly rows: number;
}

/** An alarm that never rang. */
export const SILENT: Alarm = Object.freeze({ raised: false, recent: [], calm: 0, rows: 0 });

/** The alarm after a reading on `rows` flows; what could not be judged changes nothing. */
export function stepAlarm(alarm: Alarm, reading: Reading, rows: number, rule: AlarmRule): Alarm {
  const { value, threshold, calm: calmLevel } = reading;
  if (threshold === null || calmLevel === null) return alarm;
  const above = value > threshold;
  const recent = [...alarm.recent, above].slice(-rule.of);
  const calm = value < calmLevel ? alarm.calm + 1 : 0;
  if (alarm.raised && calm >= rule.calmWindows) return SILENT;
  const raised =
    alarm.raised ||
    value > rule.suddenRatio * threshold ||
    (above && recent.filter(Boolean).length >= rule.windows);
  const open = raised || recent.includes(true);
  return { raised, recent, calm, rows: open ? alarm.rows + rows : 0 };
}
