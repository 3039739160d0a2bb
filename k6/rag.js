// Questions to the documentation: the same ones in other words, different ones, and streamed answers.
//
// k6 knows no server-sent events: it reads the whole stream, and `waiting` is the time to its first byte. The time to each event is
// measured by `cargo xtask load rag`, by a client of its own.
import { sleep } from 'k6';
import { Counter, Rate, Trend } from 'k6/metrics';
import { PROFILE, users } from './lib/profiles.js';
import { get, pick, post, thinkTime } from './lib/target.js';
import { succeeded, thresholds } from './lib/thresholds.js';
import { report } from './lib/report.js';

const hits = new Rate('cache_hits');
const answered = new Counter('answered');
const firstByte = new Trend('stream_first_byte', true);

// Each row asks the same in other words.
const SIMILAR = [
  ['How does the response cache decide what to store?', 'What does the response cache store, and why?', 'When is a response stored in the cache?'],
  ['What happens when Redis is down?', 'What does Slipstream do if Redis is not reachable?', 'Redis is away: what happens to requests?'],
  ['How are cached responses invalidated?', 'How do I invalidate what is cached?', 'How can cached responses be purged?'],
  ['Which metrics does the filter have?', 'What metrics are there?', 'What does Slipstream measure?'],
];
const SUBJECTS = ['compression', 'migrations', 'PgBouncer', 'TimescaleDB', 'the query cache', 'semantic hits', 'leases', 'followers', 'tracing', 'benchmarks'];
const QUESTIONS = ['What is the default of', 'How do I turn on', 'What can go wrong with', 'Who needs', 'How is it tested:', 'What does it cost to use'];

const smoke = PROFILE === 'smoke';

export const options = {
  scenarios: { rag: users([5, 10, 20]) },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: thresholds(
    smoke ? { ask: 5, stream: 1 } : { ask: 200, stream: 50 },
    {
      'http_req_duration{kind:ask}': ['p(95)<5000'],
      stream_first_byte: ['p(95)<1000'],
      cache_hits: ['rate>0.3'],
      answered: ['count>=5'],
    },
  ),
};

function question() {
  if (Math.random() < 0.7) return pick(pick(SIMILAR));
  return `${pick(QUESTIONS)} ${pick(SUBJECTS)} (${__VU}.${__ITER})?`;
}

export default function () {
  if (Math.random() < 0.8) {
    const answer = post('/query', { question: question() }, 'ask', 200);
    if (answer.status === 200 && answer.json('answer')) {
      succeeded('ask');
      answered.add(1);
      hits.add(answer.json('cached') === true);
    }
  } else {
    const stream = get(`/query/stream?q=${encodeURIComponent(question())}`, 'stream', { accept: 'text/event-stream' });
    firstByte.add(stream.timings.waiting);
    if (stream.status === 200 && stream.body.includes('event: done')) succeeded('stream');
  }
  sleep(thinkTime(0.2, 0.6));
}

export const handleSummary = report('rag');
