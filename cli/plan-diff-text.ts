/** What differs between two plans, as lines for a terminal. */
import type { Json } from '../contracts/json.js';
import type { FieldChange, PlanDiff } from '../dag/plan-diff.js';

/** One line for each task or field, in the manner of `diff`. */
export function planDiffText({ from, to, fields, added, removed, changed }: PlanDiff): string {
  const lines = [
    ...fields.map((change) => `~ ${fieldText(change)}`),
    ...added.map((task) => `+ task ${task}`),
    ...removed.map((task) => `- task ${task}`),
    ...changed.flatMap((change) =>
      change.fields.map((field) => `~ task ${change.task}: ${fieldText(field)}`),
    ),
  ];
  const head = `plan ${from.slice(0, 12)} -> ${to.slice(0, 12)}`;
  return [
    head,
    ...(lines.length === 0 ? ['  no difference'] : lines.map((line) => `  ${line}`)),
  ].join('\n');
}

function fieldText({ field, before, after }: FieldChange): string {
  return `${field} ${short(before)} -> ${short(after)}`;
}

const WIDTH = 60;

function short(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= WIDTH ? text : `${text.slice(0, WIDTH)}…`;
}
