import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster } from '../../testing/fake-cluster.js';
import type { GroupUpdate } from '../update.js';

let cluster: FakeCluster;
beforeEach(() => {
  cluster = new FakeCluster();
  cluster.addAgent();
  cluster.start();
});

const app = (id: string, more: object = {}) => ({ id, cmd: 'sleep 1', cpus: 0.1, ...more });
const put = (group: GroupUpdate, more: { id?: string; create?: boolean; dryRun?: boolean } = {}) =>
  cluster.command({ kind: 'putGroup', id: '/', force: false, create: false, dryRun: false, ...more, group });
const shop: GroupUpdate = {
  id: '/shop',
  apps: [app('web'), app('api', { dependencies: ['db/main'] })],
  groups: [{ id: 'db', apps: [app('main')] }],
};

describe('a group', () => {
  it('is created with all that is in it, in one deployment', () => {
    expect(put(shop, { create: true })).toMatchObject({ status: 201, location: '/shop' });
    expect([...cluster.state.apps.keys()].sort()).toEqual(['/shop/api', '/shop/db/main', '/shop/web']);
    expect(cluster.tasks.size).toBe(3);
    expect(cluster.eventsOf('deployment_success')).toHaveLength(1);
    expect(put(shop, { create: true })).toMatchObject({ status: 409 });
  });

  it('loses what a present list leaves out, and keeps what an absent one does not name', () => {
    put(shop);
    put({ id: '/shop', apps: [app('web')] });
    expect([...cluster.state.apps.keys()].sort()).toEqual(['/shop/db/main', '/shop/web']);
    put({ id: '/shop', groups: [] });
    expect([...cluster.state.apps.keys()]).toEqual(['/shop/web']);
  });

  it('is scaled as a whole', () => {
    put(shop);
    put({ scaleBy: 2.5 }, { id: '/shop' });
    expect(cluster.tasks.size).toBe(9);
  });

  it('tells what a change would do, and does nothing, when asked to', () => {
    expect(put(shop, { dryRun: true })).toEqual({
      status: 200,
      body: {
        steps: [
          {
            actions: ['/shop/web', '/shop/api', '/shop/db/main'].map((id) => ({ action: 'StartApplication', app: id })),
          },
          { actions: ['/shop/web', '/shop/db/main'].map((id) => ({ action: 'ScaleApplication', app: id })) },
          { actions: [{ action: 'ScaleApplication', app: '/shop/api' }] },
        ],
      },
    });
    expect(cluster.state.apps.size).toBe(0);
  });

  it('is removed with all that is in it', () => {
    put(shop);
    expect(cluster.command({ kind: 'removeGroup', id: '/shop', force: false })).toMatchObject({ status: 200 });
    expect(cluster.state.apps.size).toBe(0);
    expect(cluster.tasks.size).toBe(0);
    expect(cluster.command({ kind: 'removeGroup', id: '/shop', force: false })).toMatchObject({ status: 404 });
  });

  it('says where in the body something is wrong', () => {
    expect(put({ id: '/shop', groups: [{ id: 'db', apps: [app('ok'), { id: 'bad' }] }] })).toMatchObject({
      status: 422,
      body: { details: [{ path: '/groups(0)/apps(1)' }] },
    });
    expect(put({ id: '/shop', apps: [app('/elsewhere')] })).toMatchObject({
      body: {
        details: [{ path: '/apps(0)/id', errors: ["Identifier is not child of '/shop'. Identifier: '/elsewhere'"] }],
      },
    });
    expect(cluster.state.apps.size).toBe(0);
  });
});
