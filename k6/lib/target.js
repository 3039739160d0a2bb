// Whom to ask, and how.
import http from 'k6/http';
import { check } from 'k6';

export const BASE_URL = (__ENV.BASE_URL || 'http://127.0.0.1:10000').replace(/\/$/, '');

// In seconds. THINK scales it: 0 has each user ask again at once.
export function thinkTime(shortest, longest) {
  const scale = __ENV.THINK === undefined ? 1 : Number(__ENV.THINK);
  return (shortest + Math.random() * (longest - shortest)) * scale;
}

export function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}

// A GET. `kind` is what the report calls requests like it.
export function get(path, kind, headers = {}) {
  const response = http.get(`${BASE_URL}${path}`, {
    headers: { 'accept-encoding': 'gzip', ...headers },
    tags: { kind, name: kind },
  });
  check(response, { [`${kind}: 200`]: (r) => r.status === 200 }, { kind });
  return response;
}

// A POST of JSON, which has to be answered with `expected`.
export function post(path, body, kind, expected, headers = {}) {
  const response = http.post(`${BASE_URL}${path}`, JSON.stringify(body), {
    headers: { 'content-type': 'application/json', 'accept-encoding': 'gzip', ...headers },
    tags: { kind, name: kind },
  });
  check(response, { [`${kind}: ${expected}`]: (r) => r.status === expected }, { kind });
  return response;
}

// Whether the answer came from the cache, as Envoy's filter says.
export function isHit(response) {
  const status = response.headers['X-Cache'];
  return status === 'HIT' || status === 'STALE';
}
