import { expect, test } from 'vitest';
import type { ClusterFile } from '../lib/workdir.js';
import { shapeFor, unlike } from './shape.js';

const one: ClusterFile = {
  clusterId: 'id',
  clusterName: 'mine',
  masterUrl: 'https://127.0.0.1:5150',
  routerUrl: 'http://127.0.0.1:8100',
  agents: 3,
  portOffset: 100,
};
const three: ClusterFile = { ...one, masterUrls: [5150, 5450, 5750].map((port) => `https://127.0.0.1:${port}`) };

test('a cluster that is started again is as before, but for what is asked for', () => {
  expect(shapeFor(undefined, {})).toEqual({ agents: 1, portOffset: 0, masters: 1, clusterName: 'mezzo', tls: false });
  expect(shapeFor(three, {})).toEqual({ agents: 3, portOffset: 100, masters: 3, clusterName: 'mine', tls: true });
  expect(shapeFor(three, { agents: 5, tls: false })).toMatchObject({ agents: 5, tls: false, portOffset: 100 });
  expect(shapeFor(one, { portOffset: 200 })).toMatchObject({ portOffset: 200, masters: 1 });
});

test('what cannot be changed is refused by name', () => {
  expect(() => shapeFor(three, { masters: 1 })).toThrow('the cluster has 3 master(s), and --masters is 1');
  expect(() => shapeFor(one, { masters: 3 })).toThrow('the cluster has 1 master(s), and --masters is 3');
  expect(() => shapeFor(three, { portOffset: 0 })).toThrow('port offset 100, and --port-offset is 0');
});

test('what a running cluster has otherwise than asked is told', () => {
  expect(unlike(three, { agents: 3, portOffset: 100 })).toEqual([]);
  expect(unlike(three, { agents: 1, tls: false })).toEqual(['agents 3', 'tls true']);
});
