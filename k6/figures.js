// The figures that `cargo xtask load` compares, one after the other: lists read by a hundred users, new items at a steady rate, and with
// RAG=1 questions that were asked before, and questions that were not.
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { get, pick, post, thinkTime } from './lib/target.js';
import { succeeded, thresholds } from './lib/thresholds.js';
import { report } from './lib/report.js';

const SECONDS = Number(__ENV.SECONDS || 30);
const READERS = Number(__ENV.READERS || 100);
const WRITES = Number(__ENV.WRITES || 250);
// Users, not requests: what a second brings is what the proxy makes of it.
const LISTS = ['/api/items', '/api/items?page=2', '/api/items?page_size=20'];

const RAG = __ENV.RAG === '1';
const CACHED = Number(__ENV.CACHED || 200);
const UNCACHED = Number(__ENV.UNCACHED || 50);

const failed = new Counter('failed');
// Of the questions that should not have been asked before, those that really went to the engine.
const uncached = new Trend('uncached', true);

// So many requests a second, in the part of the run with this number.
function steady(part, rate, exec) {
  return {
    executor: 'constant-arrival-rate',
    rate,
    timeUnit: '1s',
    duration: `${SECONDS}s`,
    startTime: `${part * (SECONDS + 2)}s`,
    preAllocatedVUs: 100,
    maxVUs: 300,
    exec,
  };
}

const questions = { 'ask-again': steady(2, CACHED, 'askAgain'), 'ask-anew': steady(3, UNCACHED, 'askAnew') };
const least = { 'list-items': SECONDS, 'create-item': SECONDS };
const none = { 'failed{kind:list-items}': ['count<1'], 'failed{kind:create-item}': ['count<1'] };
if (RAG) {
  Object.assign(least, { 'ask-again': SECONDS, 'ask-anew': SECONDS });
  Object.assign(none, { 'failed{kind:ask-again}': ['count<1'], 'failed{kind:ask-anew}': ['count<1'] });
}

export const options = {
  setupTimeout: '120s',
  scenarios: {
    read: { executor: 'constant-vus', vus: READERS, duration: `${SECONDS}s`, exec: 'read' },
    write: steady(1, WRITES, 'write'),
    ...(RAG ? questions : {}),
  },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: thresholds(least, none),
};

const QUESTIONS = ['How are cached responses invalidated?', 'What happens when Redis is down?', 'Which metrics are there?', 'How does PgBouncer come in?'];

// Answers that are asked for again have been given before.
export function setup() {
  if (!RAG) return;
  for (const question of QUESTIONS) {
    for (let round = 0; round < 3; round++) post('/query', { question }, 'warm-up', 200);
  }
}

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

function ask(question, kind) {
  const answer = post('/query', { question }, kind, 200);
  if (answer.status === 200 && answer.json('answer')) succeeded(kind);
  else failed.add(1, { kind });
  return answer;
}

export function askAgain() {
  ask(pick(QUESTIONS), 'ask-again');
}

const WORDS = 'lease follower shard epoch tag prefix gzip brotli index migration hypertable chunk slot replica bucket label trace span'.split(' ');

export function askAnew() {
  const words = [pick(WORDS), pick(WORDS), pick(WORDS), pick(WORDS)];
  const answer = ask(`${words.join(' ')} ${__VU * 100000 + __ITER}?`, 'ask-anew');
  if (answer.status === 200 && answer.json('cached') === false) uncached.add(answer.timings.duration);
}

export const handleSummary = report('figures');
