import { expect, test } from 'vitest';
import { healthOf, listForm, modesOf, parseMntr, statusRow } from './health.js';
import { majority, parseServerLines, refusalOf, serverLine, type Member, type Mode } from './members.js';
import { NEVER_STARTED, stepRestarts, type Seen } from './restarts.js';
import { dynamicFileOf, zooCfg } from './zoo-cfg.js';

const member = (id: number): Member => ({
  id,
  host: `10.0.0.${id}`,
  quorumPort: 2888,
  electionPort: 3888,
  clientPort: 2181,
});
const three = [1, 2, 3].map(member);
const modes = (text: string) =>
  new Map(
    [...text].flatMap((c, i): [number, Mode][] => (c === '-' ? [] : [[i + 1, c === 'L' ? 'leader' : 'follower']])),
  );

test('server lines are read as they are written, and other lines are passed over', () => {
  const text = [...three.map(serverLine), 'version=100000000'].join('\n');
  expect(parseServerLines(text)).toEqual(three);
  expect(parseServerLines('server.4=zk4:1:2:participant;2181')).toEqual([
    { id: 4, host: 'zk4', quorumPort: 1, electionPort: 2, clientPort: 2181 },
  ]);
});

test.each([
  ['fL-', { remove: 3 }, undefined],
  ['fLf', { remove: 2 }, undefined],
  ['fLff', { add: member(4) }, undefined],
  ['fL-f', { add: member(4) }, undefined],
  ['fff', { remove: 3 }, 'NO_QUORUM'],
  ['L--', { remove: 3 }, 'WOULD_LOSE_QUORUM'],
  ['fL-', { remove: 1 }, 'WOULD_LOSE_QUORUM'],
  ['fLf', { remove: 9 }, 'NO_SUCH_MEMBER'],
  ['fLf', { add: member(4) }, 'NOT_RUNNING'],
  ['fLf', { add: member(3) }, 'MEMBER_EXISTS'],
  ['fLff', { add: { ...member(4), host: '10.0.0.1' } }, 'MEMBER_EXISTS'],
] as const)('of members %s the change %o is refused as %s', (seen, change, code) => {
  expect(refusalOf(three, modes(seen), change)?.code).toBe(code);
});

test('a refusal names who does not serve, and the last member stays', () => {
  expect(refusalOf(three, modes('fL-'), { remove: 1 })?.message).toContain('not serving: 3 (10.0.0.3:2181)');
  expect(refusalOf([member(1)], modes('L'), { remove: 1 })?.code).toBe('WOULD_LOSE_QUORUM');
  expect([1, 2, 3, 4, 5].map(majority)).toEqual([1, 2, 2, 3, 3]);
});

test('what a member says is its health, and Exhibitor has a row and a form for it', () => {
  const leads = healthOf('Zookeeper version: 3.8.0\nMode: leader\nNode count: 5\n');
  const health = [leads, healthOf('This ZooKeeper instance is not currently serving requests'), healthOf(undefined)];
  expect(health).toEqual(['leader', 'not serving', 'down']);
  expect(modesOf(new Map(health.map((value, i) => [i, value])))).toEqual(new Map([[0, 'leader']]));
  expect(statusRow(member(1), 'leader')).toEqual({
    code: 3,
    description: 'serving',
    hostname: '10.0.0.1',
    isLeader: true,
  });
  expect(statusRow(member(2), 'down')).toMatchObject({ code: 1, isLeader: false });
  expect(listForm(['a', 'b'], 2181)).toBe('count=2&server0=a&server1=b&port=2181');
  expect(parseMntr('zk_version\t3.8.0\nzk_znode_count\t5\nnothing')).toEqual({
    zk_version: '3.8.0',
    zk_znode_count: '5',
  });
});

test('zoo.cfg names the file of members, also the one that ZooKeeper named', () => {
  const text = zooCfg({
    dataDir: '/d',
    dynamicConfigFile: '/c/zoo.cfg.dynamic.7',
    tickTimeMs: 2000,
    initLimit: 10,
    syncLimit: 5,
    superDigest: 'super:x',
  });
  expect(dynamicFileOf(text)).toBe('/c/zoo.cfg.dynamic.7');
});

const rules = { firstMs: 1000, maxMs: 4000, wellAfterMs: 30_000, silentMaxMs: 60_000 };
const well = { alive: true, answers: true, serves: true, hasRoom: true };
const deaf = { ...well, answers: false, serves: false };
const dead = { ...deaf, alive: false };

test('a server that dies again and again is started ever more seldom, and at once when it was well', () => {
  let state = NEVER_STARTED;
  const starts: number[] = [];
  for (let now = 0; now < 16_000; now += 500) {
    const [next, action] = stepRestarts(state, dead, now, rules);
    if (action === 'start') starts.push(now);
    state = next;
  }
  expect(starts).toEqual([0, 1000, 3000, 7000, 11_000, 15_000]);
  [state] = stepRestarts(state, well, 50_000, rules);
  expect(stepRestarts(state, dead, 50_001, rules)[1]).toBe('start');
});

test('a server that lives and says nothing is ended when it has hung long enough', () => {
  const [hung, first] = stepRestarts(NEVER_STARTED, deaf, 1000, rules);
  expect([first, stepRestarts(hung, deaf, 61_000, rules)[1]]).toEqual(['wait', 'kill']);
});

test('a server without room is ended when it does not serve, and started when there is room', () => {
  const full = { hasRoom: false };
  const actionOf = (seen: Seen) => stepRestarts(NEVER_STARTED, seen, 1000, rules)[1];
  expect(actionOf({ ...well, ...full })).toBe('wait');
  expect(actionOf({ ...well, ...full, serves: false })).toBe('kill');
  expect(actionOf({ ...dead, ...full })).toBe('wait');
  expect(actionOf(dead)).toBe('start');
});
