import { createInterface } from 'node:readline/promises';
import { MezzoError } from '@mezzo/sdk/contract';

/** Rejects with NOT_CONFIRMED unless somebody at a terminal says yes. `how` says it beforehand: `--yes`. */
export async function confirm(question: string, how: string): Promise<void> {
  const refused = (why: string): MezzoError =>
    new MezzoError('NOT_CONFIRMED', why, { blame: 'user', next: `say ${how} if you mean it` });
  if (!process.stdin.isTTY) throw refused('nobody is there to ask');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw refused('it was not wanted');
  } finally {
    terminal.close();
  }
}
