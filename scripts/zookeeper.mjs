// npm run build:zookeeper: compiles the ZooKeeper client, which only several masters need.
import { buildZookeeperClient, checkNode, ensureInstalled, fail } from './lib.mjs';

checkNode();
ensureInstalled();
if (!buildZookeeperClient())
  fail(
    'the ZooKeeper client did not compile (the words of the compiler are above)',
    'apt-get install build-essential python3, then run this again.',
  );
