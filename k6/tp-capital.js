// The signals of tp-capital behind Envoy: lists, the latest of each asset, a day's summary, and new signals.
import { sleep } from 'k6';
import { Counter, Rate } from 'k6/metrics';
import { PROFILE, users, writesNow } from './lib/profiles.js';
import { get, isHit, pick, post, thinkTime } from './lib/target.js';
import { succeeded, thresholds } from './lib/thresholds.js';
import { report } from './lib/report.js';

const hits = new Rate('cache_hits');
const cacheable = new Counter('cacheable');

const ASSETS = ['BTCUSD', 'ETHUSD', 'EURUSD', 'PETR4', 'VALE3'];
const LISTS = ['/api/signals', '/api/signals?type=buy', ...ASSETS.map((asset) => `/api/signals?asset=${asset}`)];

const smoke = PROFILE === 'smoke';

export const options = {
  scenarios: { 'tp-capital': users([10, 25, 50]) },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: thresholds(
    smoke ? { 'list-signals': 10, 'latest-signals': 5, 'day-summary': 1, 'create-signal': 1 }
      : { 'list-signals': 500, 'latest-signals': 200, 'day-summary': 100, 'create-signal': 20 },
    {
      http_req_duration: ['p(95)<500'],
      cache_hits: ['rate>0.5'],
      cacheable: ['count>=15'],
    },
  ),
};

function read(path, kind) {
  const response = get(path, kind);
  if (response.status !== 200) return;
  succeeded(kind);
  cacheable.add(1);
  hits.add(isHit(response));
}

// Of a hundred requests 50 are lists, 30 the latest, 17 summaries, 3 new signals.
export default function () {
  const dice = Math.random() * 97;
  if (writesNow(3)) {
    const signal = {
      asset: pick(ASSETS),
      channel: 'load-test',
      type: pick(['buy', 'sell', 'hold']),
      price: 1 + Math.round(Math.random() * 100000) / 100,
      confidence: 0.5,
    };
    const made = post('/api/signals', signal, 'create-signal', 201);
    if (made.status === 201 && made.json('id')) succeeded('create-signal');
  } else if (dice < 50) {
    read(pick(LISTS), 'list-signals');
  } else if (dice < 80) {
    read('/api/signals/latest', 'latest-signals');
  } else {
    read(`/api/signals/summary?day=2024-01-0${1 + Math.floor(Math.random() * 5)}`, 'day-summary');
  }
  sleep(thinkTime(0.05, 0.15));
}

export const handleSummary = report('tp-capital');
