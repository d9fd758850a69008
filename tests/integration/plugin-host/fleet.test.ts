import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { integrityOf, keyIdOf, makeSigningKey, signPackage } from '@mezzo/sdk/package';
import { until } from '../../support/poll.js';
import { TestFleet } from './fleet-support.js';
import { buildSdk, hello, makeRegistry, newDir, pack, plugin, requireNothingLeft, type TestPlugin } from './support.js';

let dir: string;
let fleet: TestFleet;

beforeAll(buildSdk, 120_000);
beforeEach(async () => {
  dir = newDir();
  fleet = new TestFleet(dir, makeRegistry(dir, [hello()]));
  await fleet.lead();
});
afterEach(async () => {
  await fleet.close();
  requireNothingLeft(dir);
});

const inKernel = (version: string, activate = '', more: object = {}): Buffer =>
  pack(dir, plugin('isolator', activate, { runsOn: ['agent'], process: 'kernel', ...more }, version));
const onAgents = (version: string, activate = ''): Buffer =>
  pack(dir, plugin('sidecar', activate, { runsOn: ['agent'] }, version));
const everywhere = (id: string, ...states: string[]) =>
  until(`${id} to be ${states.join(', ')}`, () => JSON.stringify(fleet.states(id)) === JSON.stringify(states), 60_000);
const idle = (id: string) => until(`no rollout of ${id}`, () => fleet.find(id)?.rollout === undefined, 60_000);

describe('a plugin in a process of its own', () => {
  test('is installed, upgraded by exchanging its process, and removed, with nobody else touched', async () => {
    const { host, installer } = fleet.leader;
    const pidOf = (id: string) => host.statuses().find((one) => one.id === id)?.pid;
    await everywhere('hello', 'leader 1.0.0 active');
    const before = pidOf('hello');
    expect(await fleet.install(pack(dir, plugin('guest', `ctx.log.info('one')`)))).toMatchObject({ rollout: false });
    await everywhere('guest', 'leader 1.0.0 active');
    const first = pidOf('guest');
    expect(await fleet.install(pack(dir, plugin('guest', '', {}, '1.1.0')))).toMatchObject({
      from: '1.0.0',
      rollout: true,
    });
    await everywhere('guest', 'leader 1.1.0 active');
    expect(pidOf('guest')).not.toBe(first);
    const other = pack(dir, plugin('guest', `ctx.log.info('three')`, {}, '1.1.0'));
    await idle('guest');
    await expect(fleet.install(other)).rejects.toMatchObject({ code: 'PLUGIN_VERSION_EXISTS' });
    await installer.remove('guest');
    await everywhere('guest');
    await expect(installer.remove('guest')).rejects.toMatchObject({ code: 'PLUGIN_NOT_FOUND' });
    await expect(installer.remove('hello')).rejects.toMatchObject({ code: 'PLUGIN_BUILT_IN' });
    expect(pidOf('hello')).toBe(before);
  });

  test('reaches every node that it is for, those that come late, and those that were away', async () => {
    await fleet.add('a');
    const away = await fleet.add('b');
    await away.stop();
    await fleet.install(onAgents('1.0.0'));
    await everywhere('sidecar', 'a 1.0.0 active');
    await fleet.add('c');
    await away.start();
    await everywhere('sidecar', 'a 1.0.0 active', 'b 1.0.0 active', 'c 1.0.0 active');
    await fleet.leader.installer.remove('sidecar');
    await everywhere('sidecar');
  });

  test('whose new version does not become active gets its old one back, and the list says why', async () => {
    for (const name of ['a', 'b', 'c']) await fleet.add(name);
    await fleet.install(onAgents('1.0.0'));
    await everywhere('sidecar', 'a 1.0.0 active', 'b 1.0.0 active', 'c 1.0.0 active');
    await fleet.install(onAgents('2.0.0', `throw new Error('no good')`));
    await idle('sidecar');
    expect(fleet.find('sidecar')?.failure).toMatchObject({
      version: '2.0.0',
      reason: expect.stringMatching(/^a: .*no good/) as string,
    });
    await everywhere('sidecar', 'a 1.0.0 active', 'b 1.0.0 active', 'c 1.0.0 active');
    // The others have not been touched.
    expect(fleet.nodes.get('b')?.status('sidecar')?.restarts).toBe(0);
  });

  test('replaces a built-in one, which comes back when it is removed', async () => {
    await fleet.install(pack(dir, { ...hello(), version: '2.0.0' }));
    await everywhere('hello', 'leader 2.0.0 active');
    await idle('hello');
    await fleet.leader.installer.remove('hello');
    await everywhere('hello', 'leader 1.0.0 active');
  });

  test('is configured while it runs, disabled and enabled, everywhere', async () => {
    const { installer } = fleet.leader;
    await fleet.add('standby', 'master');
    const config = { properties: { word: { type: 'string', default: 'none' } } };
    await fleet.install(pack(dir, plugin('echo', 'ctx.degraded(config.word)', { config })));
    const words = (word: string) =>
      until(`the word to be ${word}`, () => {
        const rows = fleet.leader.fleet.rows().flatMap(({ plugins }) => plugins.filter(({ id }) => id === 'echo'));
        return rows.length === 2 && rows.every(({ reason }) => reason === word);
      });
    await words('none');
    await expect(installer.configure('echo', { word: 7 })).rejects.toThrow('"word" must be string');
    await expect(installer.configure('echo', { wort: 'moin' })).rejects.toThrow('unknown key "wort"');
    expect(await installer.configure('echo', { word: 'moin' })).toEqual({ config: { word: 'moin' }, rollout: false });
    await words('moin');
    await installer.setEnabled('echo', false);
    await everywhere('echo', 'leader 1.0.0 stopped', 'standby 1.0.0 stopped');
    await installer.setEnabled('echo', true);
    await words('moin');
    await installer.configure('echo', {});
    await words('none');
  });
});

describe("a plugin of the agents' own process", () => {
  test('is taken by one agent after the other, each started again once; an upgrade and a removal, too', async () => {
    for (const name of ['a', 'b', 'c']) await fleet.add(name);
    const starts = () => [...fleet.nodes.values()].map((node) => node.starts);
    await fleet.install(inKernel('1.0.0'));
    let most = 0;
    await until(
      'all have it',
      () => {
        most = Math.max(most, 3 - [...fleet.nodes.values()].filter(({ host }) => host !== undefined).length);
        return fleet.find('isolator')?.rollout === undefined;
      },
      60_000,
    );
    expect(most).toBeLessThanOrEqual(1);
    expect(fleet.states('isolator')).toEqual(['a 1.0.0 active', 'b 1.0.0 active', 'c 1.0.0 active']);
    expect(starts()).toEqual([2, 2, 2]);
    await fleet.install(inKernel('1.1.0'));
    await idle('isolator');
    expect(fleet.states('isolator')).toEqual(['a 1.1.0 active', 'b 1.1.0 active', 'c 1.1.0 active']);
    await fleet.leader.installer.remove('isolator');
    await until('it is forgotten', () => fleet.find('isolator') === undefined, 60_000);
    expect(fleet.states('isolator')).toEqual([]);
    expect(starts()).toEqual([4, 4, 4]);
  });

  test('that is no good meets one agent, which gets back what it had', async () => {
    for (const name of ['a', 'b']) await fleet.add(name);
    await fleet.install(inKernel('1.0.0'));
    await idle('isolator');
    await fleet.install(inKernel('2.0.0', `throw new Error('no good')`));
    await idle('isolator');
    expect(fleet.states('isolator')).toEqual(['a 1.0.0 active', 'b 1.0.0 active']);
    expect(fleet.find('isolator')?.failure?.reason).toMatch(/^a: .*no good/);
    expect(fleet.nodes.get('b')?.starts).toBe(2);
  });

  test('is configured as it is upgraded: one agent after the other, and back where one is not well with it', async () => {
    for (const name of ['a', 'b']) await fleet.add(name);
    const config = { properties: { word: { type: 'string' } } };
    const code = `if (config.word === 'bad') throw new Error('no such word');`;
    await fleet.install(inKernel('1.0.0', code, { config }));
    await idle('isolator');
    const { installer, records } = fleet.leader;
    const starts = () => [...fleet.nodes.values()].map((node) => node.starts);
    expect(await installer.configure('isolator', { word: 'moin' })).toEqual({
      config: { word: 'moin' },
      rollout: true,
    });
    await expect(installer.configure('isolator', {})).rejects.toMatchObject({ code: 'PLUGIN_BUSY' });
    let most = 0;
    await until(
      'all have it',
      () => {
        most = Math.max(most, 2 - [...fleet.nodes.values()].filter(({ host }) => host !== undefined).length);
        return fleet.find('isolator')?.rollout === undefined;
      },
      60_000,
    );
    expect(most).toBeLessThanOrEqual(1);
    expect([records.config().isolator, starts()]).toEqual([{ word: 'moin' }, [3, 3]]);
    expect(await installer.configure('isolator', { word: 'moin' })).toMatchObject({ rollout: false });
    await installer.configure('isolator', { word: 'bad' });
    await idle('isolator');
    expect(fleet.find('isolator')).toMatchObject({
      config: { word: 'moin' },
      failure: {
        version: '1.0.0',
        reason: expect.stringMatching(/^with another configuration: a: .*no such word/) as string,
      },
    });
    expect(starts()).toEqual([5, 3]);
    await everywhere('isolator', 'a 1.0.0 active', 'b 1.0.0 active');
    await fleet.add('late');
    await everywhere('isolator', ...['a', 'b', 'late'].map((name) => `${name} 1.0.0 active`));
    await installer.configure('isolator', {});
    await until('the first has it', () => starts()[0] === 6, 60_000);
    await fleet.leaderDies();
    await fleet.lead();
    await idle('isolator');
    expect([fleet.leader.records.config(), starts()]).toEqual([{}, [6, 4, 2]]);
  });

  test('that ships is configured so, too, and is what it was afterwards', async () => {
    await fleet.close();
    const builtIn = plugin('isolator', '', {
      ...{ runsOn: ['agent'], process: 'kernel' },
      config: { properties: { word: { type: 'string', pattern: '^[a-z]*$' } } },
    });
    fleet = new TestFleet(dir, makeRegistry(dir, [builtIn]));
    await fleet.lead();
    for (const name of ['a', 'b']) await fleet.add(name);
    await everywhere('isolator', 'a 1.0.0 active', 'b 1.0.0 active');
    const starts = () => [...fleet.nodes.values()].map((node) => node.starts);
    expect(await fleet.leader.installer.configure('isolator', { word: 'moin' })).toMatchObject({ rollout: true });
    expect(fleet.find('isolator')?.builtIn).toBe(true);
    await idle('isolator');
    expect([fleet.leader.records.config(), fleet.leader.records.plugins.size, starts()]).toEqual([
      { isolator: { word: 'moin' } },
      0,
      [2, 2],
    ]);
    await expect(fleet.leader.installer.remove('isolator')).rejects.toMatchObject({ code: 'PLUGIN_BUILT_IN' });
  });

  test('takes that it is disabled at a start that comes anyway: no agent is ended for that', async () => {
    for (const name of ['a', 'b']) await fleet.add(name);
    await fleet.install(inKernel('1.0.0'));
    await idle('isolator');
    const { installer } = fleet.leader;
    const reason = (text: string | undefined) =>
      until(`it to say ${text}`, () => {
        const rows = fleet.leader.fleet.rows().flatMap(({ plugins }) => plugins.filter(({ id }) => id === 'isolator'));
        return rows.length === 2 && rows.every((row) => (text ? row.reason?.includes(text) : row.reason === undefined));
      });
    await installer.setEnabled('isolator', false);
    await reason('it ends with this daemon');
    for (const node of fleet.nodes.values()) await node.stop().then(() => node.start());
    await everywhere('isolator', 'a 1.0.0 stopped', 'b 1.0.0 stopped');
    await installer.setEnabled('isolator', true);
    await everywhere('isolator', 'a 1.0.0 discovered', 'b 1.0.0 discovered');
    for (const node of fleet.nodes.values()) await node.stop().then(() => node.start());
    await everywhere('isolator', 'a 1.0.0 active', 'b 1.0.0 active');
    expect([...fleet.nodes.values()].map((node) => node.starts)).toEqual([4, 4]);
  });

  test('goes on its way under the next leader, who gets the packages that it lacks from the nodes', async () => {
    for (const name of ['a', 'b', 'c']) await fleet.add(name);
    const standby = await fleet.add('standby', 'master');
    await fleet.install(inKernel('1.0.0'));
    await until('one has it', () => fleet.states('isolator').includes('a 1.0.0 active'), 60_000);
    await fleet.leaderDies();
    await fleet.lead();
    await idle('isolator');
    await everywhere('isolator', 'a 1.0.0 active', 'b 1.0.0 active', 'c 1.0.0 active');
    expect([...fleet.nodes.values()].map((node) => node.starts)).toEqual([2, 2, 2, 1]);
    await standby.stop();
    await fleet.add('late');
    await everywhere('isolator', ...['a', 'b', 'c', 'late'].map((name) => `${name} 1.0.0 active`));
  });
});

describe('what is asked for is judged first', () => {
  test('an unsigned package wants the operator to say so; one of a trusted key does not; none other passes', async () => {
    const { installer, records } = fleet.leader;
    const bytes = pack(dir, plugin('guest', ''));
    await expect(installer.install(bytes, [], false)).rejects.toMatchObject({ code: 'PLUGIN_UNSIGNED' });
    const { privatePem, publicPem } = makeSigningKey();
    const signature = signPackage(privatePem, { name: 'guest', version: '1.0.0', integrity: integrityOf(bytes) });
    await expect(installer.install(bytes, [signature], false)).rejects.toThrow('whom nobody here trusts');
    const keyid = keyIdOf(publicPem);
    await records.setKey(keyid, { keyid, name: 'us', pem: publicPem });
    const other = pack(dir, plugin('guest', 'let changed'));
    await expect(installer.install(other, [signature], false)).rejects.toMatchObject({ code: 'PLUGIN_UNSIGNED' });
    expect(await installer.install(bytes, [signature], false)).toMatchObject({ signer: 'us' });
  });

  test('a plugin is not installed without those it depends on, nor they removed or disabled from under it', async () => {
    const { installer } = fleet.leader;
    const needy = (range: string): TestPlugin => plugin('needy', '', { dependsOn: { guest: range } });
    await expect(fleet.install(pack(dir, needy('^1.0.0')))).rejects.toThrow(
      'needy 1.0.0 depends on guest ^1.0.0, which is not installed',
    );
    await fleet.install(pack(dir, plugin('guest', '')));
    await expect(fleet.install(pack(dir, needy('^2.0.0')))).rejects.toThrow('and 1.0.0 is installed');
    await fleet.install(pack(dir, needy('^1.0.0')));
    await expect(installer.remove('guest')).rejects.toMatchObject({
      code: 'PLUGIN_NEEDED',
      message: expect.stringContaining('needy') as string,
    });
    await expect(installer.setEnabled('guest', false)).rejects.toMatchObject({ code: 'PLUGIN_NEEDED' });
    await expect(fleet.install(pack(dir, plugin('guest', '', {}, '2.0.0')))).rejects.toMatchObject({
      code: 'PLUGIN_DEPENDENCY',
    });
    await installer.remove('needy');
    await installer.remove('guest');
  });

  test('nothing else is done to a plugin that is on its way, but to take it back', async () => {
    await fleet.add('a');
    await fleet.install(onAgents('1.0.0'));
    await everywhere('sidecar', 'a 1.0.0 active');
    expect(() => fleet.leader.installer.rollBack('sidecar', 'admin')).toThrow(
      'no version of plugin sidecar is on its way',
    );
    await fleet.install(onAgents('2.0.0', 'await new Promise(() => {})'));
    await expect(fleet.install(onAgents('3.0.0'))).rejects.toMatchObject({ code: 'PLUGIN_BUSY' });
    await expect(fleet.leader.installer.remove('sidecar')).rejects.toMatchObject({ code: 'PLUGIN_BUSY' });
    fleet.leader.installer.rollBack('sidecar', 'admin');
    await idle('sidecar');
    expect(fleet.find('sidecar')?.failure).toEqual({ version: '2.0.0', reason: 'taken back by admin' });
    await everywhere('sidecar', 'a 1.0.0 active');
  });

  test('a store that cannot be written to leaves all as it was', async () => {
    fleet.store.available = false;
    await expect(fleet.install(pack(dir, plugin('guest', '')))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    fleet.store.available = true;
    expect(fleet.find('guest')).toBeUndefined();
    await fleet.install(pack(dir, plugin('guest', '')));
    await everywhere('guest', 'leader 1.0.0 active');
  });

  test('a node that cannot get a package asks for it again, and has it in the end', async () => {
    const bytes = onAgents('1.0.0');
    await fleet.install(bytes);
    const file = join(dir, 'leader-0', 'registry', 'sidecar-1.0.0.tgz');
    rmSync(file);
    const node = await fleet.add('a');
    expect(node.status('sidecar')?.state).toBe('failed');
    writeFileSync(file, bytes);
    await everywhere('sidecar', 'a 1.0.0 active');
  });
});
