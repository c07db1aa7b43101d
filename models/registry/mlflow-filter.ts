/**
 * MLflow's search language, as far as we speak it.
 */
import { PipelineError } from '../../contracts/errors.js';

/**
 * `field = 'value'`. The language has no escapes, so a value may hold one kind of quote only.
 *
 * @throws PipelineError MLFLOW_REJECTED for a value with both kinds
 */
export function equals(field: string, value: string): string {
  if (!value.includes("'")) return `${field} = '${value}'`;
  if (!value.includes('"')) return `${field} = "${value}"`;
  throw new PipelineError({
    code: 'MLFLOW_REJECTED',
    found: `the search value ${value} holds both kinds of quotes`,
    expected: 'at most one kind',
    fix: 'choose a name or key without quotes',
  });
}
