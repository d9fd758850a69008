import { expect, test } from 'vitest';
import { parseZookeeperUrl, withoutSecret } from './address.js';

test('servers, path and credentials are taken apart', () => {
  expect(parseZookeeperUrl('zk://a:2181,10.0.0.2:2182,[::1]:2183/mesos/prod/')).toEqual({
    servers: 'a:2181,10.0.0.2:2182,[::1]:2183',
    path: '/mesos/prod',
    digest: undefined,
  });
  expect(parseZookeeperUrl('zk://ann:p@s/s:x@a:1/m')).toMatchObject({
    digest: 'ann:p@s/s:x',
    servers: 'a:1',
    path: '/m',
  });
});

test.each([
  ['http://a:2181/mesos', /begin with zk/],
  ['zk://a:2181', /path is missing/],
  ['zk://a:2181/', /path is missing/],
  ['zk://a/mesos', /'a' is not host:port/],
  ['zk:///mesos', /'' is not host:port/],
  ['zk://a:2181,/mesos', /'' is not host:port/],
  ['zk://a:2181/mesos//x', /no path of a node/],
  ['zk://a:2181/../x', /no path of a node/],
  ['zk://ann@a:2181/mesos', /user:password/],
])('%s is refused, and why', (url, why) => {
  expect(() => parseZookeeperUrl(url)).toThrow(why);
});

test('neither an error nor what is shown holds the password', () => {
  const url = 'zk://ann:secret@a/mesos';
  expect(() => parseZookeeperUrl(url)).toThrow(
    expect.not.objectContaining({ message: expect.stringMatching(/secret/) as string }) as Error,
  );
  expect(withoutSecret('zk://ann:secret@a:1/mesos')).toBe('zk://a:1/mesos');
  expect(withoutSecret('zk://ann:p@s/s@a:1/mesos')).not.toContain('p@s');
  expect(withoutSecret('zk://a:1/mesos')).toBe('zk://a:1/mesos');
});
