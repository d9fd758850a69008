import { expect, test } from 'vitest';
import { messageToJson, parseMessageText, type MessageName } from './codec.js';

// Abridged from what a real master and agent wrote; whole doubles without their ".0".
const RECORDED: [string, MessageName, string][] = [
  [
    'a subscription',
    'mesos.v1.scheduler.Event',
    '{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"m-0000"},"heartbeat_interval_seconds":15,"master_info":{"id":"m","ip":16777343,"port":15050,"pid":"master@127.0.0.1:15050","hostname":"localhost","version":"1.12.0","address":{"hostname":"localhost","ip":"127.0.0.1","port":15050},"capabilities":[{"type":"AGENT_UPDATE"},{"type":"QUOTA_V2"}]}}}',
  ],
  [
    'an offer',
    'mesos.v1.scheduler.Event',
    '{"type":"OFFERS","offers":{"offers":[{"id":{"value":"m-O0"},"framework_id":{"value":"m-0000"},"agent_id":{"value":"m-S0"},"hostname":"localhost","url":{"scheme":"http","address":{"hostname":"localhost","ip":"127.0.0.1","port":15051},"path":"/slave(1)"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":2},"allocation_info":{"role":"web"}},{"name":"ports","type":"RANGES","ranges":{"range":[{"begin":31000,"end":32000}]},"allocation_info":{"role":"web"}}],"attributes":[{"name":"rack","type":"TEXT","text":{"value":"r1"}}],"allocation_info":{"role":"web"}}]}}',
  ],
  [
    'an empty cluster',
    'mesos.v1.master.Response',
    '{"type":"GET_STATE","get_state":{"get_tasks":{"tasks":[],"unreachable_tasks":[],"completed_tasks":[]},"get_executors":{"executors":[]},"get_frameworks":{"frameworks":[],"completed_frameworks":[]},"get_agents":{"agents":[],"recovered_agents":[]}}}',
  ],
  [
    'a file',
    'mesos.v1.agent.Response',
    '{"type":"LIST_FILES","list_files":{"file_infos":[{"path":"/x/stdout","nlink":1,"size":5,"mtime":{"nanoseconds":1795407928000000123},"mode":33188,"uid":"root","gid":"root"}]}}',
  ],
];

test.each(RECORDED)('%s is written as it was recorded', (_, name, text) => {
  expect(messageToJson(name, parseMessageText(name, text))).toBe(text);
});
