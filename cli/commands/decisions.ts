/** `sentinel decisions`: what the lifecycles decided, when and why. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { readDecisions } from '../../feature-store/decisions.js';
import { DECISION_HEAD, decisionRow, decisionsHtml } from '../decisions-page.js';
import { currentHome } from '../home.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';

interface DecisionOptions {
  readonly model?: string;
  readonly partition?: string;
  readonly limit: string;
  readonly out?: string;
  readonly json: boolean;
}

/** The `decisions` command. */
export function decisionsCommand(): Command {
  return new Command('decisions')
    .description('what was decided about the served models, newest first, and why')
    .option('--model <name>', 'about one model')
    .option('--partition <window>', 'about one window of flows, such as 2022-W23')
    .option('--limit <n>', 'at most so many', '100')
    .option('--out <file>', 'as one HTML page, each with its evidence')
    .option('--json', 'as JSON, each with its evidence', false)
    .action(async ({ model, partition, limit, out, json }: DecisionOptions) => {
      const decisions = await readDecisions(currentHome().tables, {
        ...(model !== undefined && { model }),
        ...(partition !== undefined && { partition }),
        limit: wholeNumber('--limit', limit, 1),
      });
      if (out !== undefined) await writeFile(out, decisionsHtml(decisions));
      if (json) return printJson({ decisions });
      if (decisions.length === 0) return say('no decisions');
      process.stdout.write(`${table(DECISION_HEAD, decisions.map(decisionRow))}\n`);
    });
}
