/** Who is in the ensemble, and which change of it is safe. ZooKeeper checks once more; this says why not, before it is asked. */

export interface Member {
  /** 1 to 255, in `myid`. */
  readonly id: number;
  readonly host: string;
  readonly quorumPort: number;
  readonly electionPort: number;
  readonly clientPort: number;
}

export type Mode = 'leader' | 'follower' | 'observer' | 'standalone';

/** One member at a time: the quorums before and after each such change have a member in common. */
export type MemberChange = { readonly add: Member } | { readonly remove: number };

export interface Refusal {
  readonly code:
    'NO_QUORUM' | 'MEMBER_EXISTS' | 'NO_SUCH_MEMBER' | 'TOO_MANY_MEMBERS' | 'NOT_RUNNING' | 'WOULD_LOSE_QUORUM';
  readonly message: string;
  readonly next: string;
}

export const MEMBERS_MAX = 7;

export const majority = (members: number): number => Math.floor(members / 2) + 1;

/** As ZooKeeper's dynamic configuration has it. */
export const serverLine = ({ id, host, quorumPort, electionPort, clientPort }: Member): string =>
  `server.${id}=${host}:${quorumPort}:${electionPort}:participant;${host}:${clientPort}`;

const LINE = /^server\.(\d+)=([^:\s]+):(\d+):(\d+)(?::\w+)?;(?:[^:\s]+:)?(\d+)\s*$/gm;

/** Lines that are no servers, such as `version=`, are passed over. */
export const parseServerLines = (text: string): Member[] =>
  [...text.matchAll(LINE)].map(([, id, host, quorum, election, client]) => ({
    id: Number(id),
    host: host!,
    quorumPort: Number(quorum),
    electionPort: Number(election),
    clientPort: Number(client),
  }));

/** Why the change must not be made now; undefined when it is safe. `modes` holds who answers and serves, the one to be added too. */
export function refusalOf(
  members: readonly Member[],
  modes: ReadonlyMap<number, Mode>,
  change: MemberChange,
): Refusal | undefined {
  if (!members.some(({ id }) => modes.get(id) === 'leader' || modes.get(id) === 'standalone'))
    return refusal('NO_QUORUM', 'the ensemble has no leader', 'start members until most of them serve, then try again');
  return 'add' in change ? cannotAdd(members, modes, change.add) : cannotRemove(members, modes, change.remove);
}

function cannotAdd(members: readonly Member[], modes: ReadonlyMap<number, Mode>, added: Member): Refusal | undefined {
  const taken = members.find((member) => member.id === added.id || sharesPort(member, added));
  if (taken)
    return refusal(
      'MEMBER_EXISTS',
      `member ${taken.id} has this id or one of these addresses already (${serverLine(taken)})`,
      'take another id and address, or remove that member first',
    );
  if (members.length >= MEMBERS_MAX)
    return refusal('TOO_MANY_MEMBERS', `there are ${MEMBERS_MAX} members, and no more are allowed`, 'remove one first');
  if (!modes.has(added.id))
    return refusal(
      'NOT_RUNNING',
      `member ${added.id} does not serve on ${added.host}:${added.clientPort}`,
      'start it with the present members and itself in its configuration, so that it catches up',
    );
  return losesQuorum([...members, added], modes);
}

function cannotRemove(members: readonly Member[], modes: ReadonlyMap<number, Mode>, id: number): Refusal | undefined {
  const left = members.filter((member) => member.id !== id);
  const known = members.map((member) => member.id).join(', ');
  if (left.length === members.length)
    return refusal('NO_SUCH_MEMBER', `there is no member ${id}`, `name one of: ${known}`);
  if (left.length === 0)
    return refusal('WOULD_LOSE_QUORUM', `member ${id} is the last one`, 'add another member first');
  return losesQuorum(left, modes);
}

function losesQuorum(after: readonly Member[], modes: ReadonlyMap<number, Mode>): Refusal | undefined {
  const silent = after.filter(({ id }) => !modes.has(id));
  const serving = after.length - silent.length;
  if (serving >= majority(after.length)) return undefined;
  return refusal(
    'WOULD_LOSE_QUORUM',
    `of the ${after.length} members after the change ${serving} serve and ${majority(after.length)} are needed; not serving: ${silent.map(({ id, host, clientPort }) => `${id} (${host}:${clientPort})`).join(', ')}`,
    'bring these back first, or remove one of them instead',
  );
}

const portsOf = ({ quorumPort, electionPort, clientPort }: Member) => [quorumPort, electionPort, clientPort];

const sharesPort = (a: Member, b: Member): boolean =>
  a.host === b.host && portsOf(a).some((port) => portsOf(b).includes(port));

const refusal = (code: Refusal['code'], message: string, next: string): Refusal => ({ code, message, next });
