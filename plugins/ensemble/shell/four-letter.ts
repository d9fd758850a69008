import { connect } from 'node:net';
import { healthOf, type Health } from '../core/health.js';
import type { Member } from '../core/members.js';

const DEADLINE_MS = 2000;
const ANSWER_MAX_BYTES = 64 << 10;

/** What the server answers to `srvr` or `mntr`; undefined when nothing comes within two seconds or it is too long. */
export function ask(
  { host, clientPort }: Pick<Member, 'host' | 'clientPort'>,
  word: 'srvr' | 'mntr',
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(clientPort, host, () => socket.end(word));
    const deadline = setTimeout(() => finish(undefined), DEADLINE_MS);
    const finish = (answer: string | undefined): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.length > ANSWER_MAX_BYTES) finish(undefined);
    });
    socket.on('end', () => finish(text));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(text === '' ? undefined : text));
  });
}

/** All members at once, by id. */
export async function askAll(members: readonly Member[]): Promise<Map<number, Health>> {
  const health = members.map(async (member): Promise<[number, Health]> => [
    member.id,
    healthOf(await ask(member, 'srvr')),
  ]);
  return new Map(await Promise.all(health));
}
