// The workspace API behind Envoy: lists and single items, new items, and the health check.
import { sleep } from 'k6';
import { Counter, Rate } from 'k6/metrics';
import { PROFILE, users, writesNow } from './lib/profiles.js';
import { get, isHit, pick, post, thinkTime } from './lib/target.js';
import { succeeded, thresholds } from './lib/thresholds.js';
import { report } from './lib/report.js';

const hits = new Rate('cache_hits');
const cacheable = new Counter('cacheable');

const CATEGORIES = ['backend', 'frontend', 'data', 'security'];
const LISTS = ['/api/items', '/api/items?page=2', '/api/items?page_size=20', ...CATEGORIES.map((c) => `/api/items?category=${c}`)];

const smoke = PROFILE === 'smoke';
// Each has to be asked for twice before there is a hit.
const ITEMS = smoke ? 5 : 200;

export const options = {
  scenarios: { workspace: users([10, 50, 100]) },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
  thresholds: thresholds(
    smoke ? { 'list-items': 20, 'read-item': 5, 'create-item': 1, health: 1 }
      : { 'list-items': 1000, 'read-item': 300, 'create-item': 50, health: 50 },
    {
      http_req_duration: ['p(95)<500'],
      cache_hits: ['rate>0.5'],
      cacheable: ['count>=20'],
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

// Of a hundred requests 65 are lists, 25 items, 3 new items, the rest asks for the health.
export default function () {
  const dice = Math.random() * 97;
  if (writesNow(3)) {
    const item = { title: `Load test ${__VU}/${__ITER}`, category: pick(CATEGORIES), priority: 'low', tags: ['load-test'] };
    const made = post('/api/items', item, 'create-item', 201);
    if (made.status === 201 && made.json('id')) succeeded('create-item');
  } else if (dice < 65) {
    read(pick(LISTS), 'list-items');
  } else if (dice < 90) {
    read(`/api/items/${1 + Math.floor(Math.random() * ITEMS)}`, 'read-item');
  } else {
    const health = get('/health', 'health');
    if (health.status === 200 && health.json('status') === 'ok') succeeded('health');
  }
  sleep(thinkTime(0.04, 0.12));
}

export const handleSummary = report('workspace');
