import { appendFileSync } from 'node:fs';
import { describe, type SuiteFactory } from 'vitest';

/** The reasons are counted and printed at the end of `npm test`: what was not tested here is said. */
export function describeIf(reasonToSkip: string | undefined, title: string, suite: SuiteFactory): void {
  if (reasonToSkip === undefined) return void describe(title, suite);
  if (process.env.MEZZO_SKIP_LOG) appendFileSync(process.env.MEZZO_SKIP_LOG, `${title}: ${reasonToSkip}\n`);
  describe.skip(`${title} (skipped: ${reasonToSkip})`, suite);
}
