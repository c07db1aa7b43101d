/** Reading the values of options; what cannot be read is CLI_USAGE, exit code 2. */
import { PipelineError } from '../contracts/errors.js';
import type { Json } from '../contracts/json.js';
import { isoWeekOf, weekRange, weekStart } from '../dag/partitions.js';

/**
 * A whole number of at least `least`.
 *
 * @param option as the user wrote it, such as `--limit`
 * @throws PipelineError CLI_USAGE
 */
export function wholeNumber(option: string, text: string, least = 0): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `${option} ${text}`,
    expected: `a whole number from ${least} and up`,
    fix: 'correct the value',
  });
}

/** True for a week of the calendar: `2022-W52`, but not `2022-W53`, for 2022 has no such week. */
function isIsoWeek(text: string): boolean {
  if (!/^\d{4}-W(0[1-9]|[1-4]\d|5[0-3])$/.test(text)) return false;
  return isoWeekOf(weekStart(text)) === text;
}

/**
 * Reads `name=value` and adds it to the parameters before it; the value is JSON, else text.
 *
 * @throws PipelineError CLI_USAGE
 */
export function addParam(text: string, params: Record<string, Json>): Record<string, Json> {
  const equals = text.indexOf('=');
  if (equals < 1) {
    throw new PipelineError({
      code: 'CLI_USAGE',
      found: `--param ${text}`,
      expected: 'name=value',
      fix: "write it as --param name=value, lists and objects as JSON: --param 'weeks=[1,2]'",
    });
  }
  return { ...params, [text.slice(0, equals)]: parseValue(text.slice(equals + 1)) };
}

function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json; // what JSON.parse can give
  } catch {
    return text; // not JSON: the text itself
  }
}

/**
 * One of a set of words.
 *
 * @param option as the user wrote it, such as `--state`
 * @throws PipelineError CLI_USAGE
 */
export function oneOf<T extends string>(option: string, text: string, words: readonly T[]): T {
  const word = words.find((known) => known === text);
  if (word !== undefined) return word;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `${option} ${text}`,
    expected: `one of ${words.join(', ')}`,
    fix: 'correct the value',
  });
}

/**
 * A value written as JSON.
 *
 * @param option as the user wrote it, such as `--output`
 * @throws PipelineError CLI_USAGE
 */
export function jsonValue(option: string, text: string): Json {
  try {
    return JSON.parse(text) as Json; // what JSON.parse can give
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'CLI_USAGE',
        found: `${option} ${text}`,
        expected: 'JSON',
        fix: `write text in quotes of both kinds: ${option} '"text"'`,
      },
      { cause },
    );
  }
}

/**
 * The ISO weeks of `2022-W22..2022-W27`, both included; a single week stands for itself.
 *
 * @param option as the user wrote it, such as `--weeks`
 * @throws PipelineError CLI_USAGE
 */
export function weeksBetween(option: string, text: string): string[] {
  const [from = '', to = from] = text.split('..');
  const weeks = [from, to].every(isIsoWeek) ? weekRange(from, to) : [];
  if (weeks.length > 0) return weeks;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `${option} ${text}`,
    expected: 'ISO weeks from..to, such as 2022-W22..2022-W27',
    fix: 'correct the range',
  });
}
