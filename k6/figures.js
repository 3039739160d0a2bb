// The figures that `cargo xtask load` compares: lists read by a hundred users, and new items at a steady rate, one after the other.
import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { get, pick, post, thinkTime } from './lib/target.js';
import { succeeded, thresholds } from './lib/thresholds.js';
import { report } from './lib/report.js';

const SECONDS = Number(__ENV.SECONDS || 30);
const READERS = Number(__ENV.READERS || 100);
const WRITES = Number(__ENV.WRITES || 250);
// Users, not requests: what a second brings is what the proxy makes of it.
const LISTS = ['/api/items', '/api/items?page=2', '/api/items?page_size=20'];

const failed = new Counter('failed');

export const options = {
  scenarios: {
    read: { executor: 'constant-vus', vus: READERS, duration: `${SECONDS}s`, exec: 'read' },
    write: {
      executor: 'constant-arrival-rate',
      rate: WRITES,
      timeUnit: '1s',
      duration: `${SECONDS}s`,
      startTime: `${SECONDS + 2}s`,
      preAllocatedVUs: 100,
      maxVUs: 300,
      exec: 'write',
    },
  },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: thresholds({ 'list-items': SECONDS, 'create-item': SECONDS }, { 'failed{kind:list-items}': ['count<1'], 'failed{kind:create-item}': ['count<1'] }),
};

export function read() {
  const response = get(pick(LISTS), 'list-items');
  if (response.status === 200) succeeded('list-items');
  else failed.add(1, { kind: 'list-items' });
  sleep(thinkTime(0.04, 0.12));
}

export function write() {
  const item = { title: `Load test ${__VU}/${__ITER}`, category: 'data', priority: 'low', tags: ['load-test'] };
  const made = post('/api/items', item, 'create-item', 201);
  if (made.status === 201) succeeded('create-item');
  else failed.add(1, { kind: 'create-item' });
}

export const handleSummary = report('figures');
