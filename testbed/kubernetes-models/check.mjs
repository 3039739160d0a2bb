// Checks Kubernetes resources against the definitions that Istio, Envoy Gateway and the Gateway API publish, as strictly as an API
// server that refuses unknown fields: `node check.mjs FOLDER`, where FOLDER/node_modules has the validators, reads a list of resources as
// JSON from stdin and writes, for each, { mistakes: [text], free: [path] }. `free` is what the definition leaves to others.
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);

// Where the validator of a kind is; undefined if nobody defines it.
function validatorOf(folder, { apiVersion = '', kind = '' }) {
  const [group, version = ''] = String(apiVersion).split('/');
  const groupName = group.split('.').map(capital).join('');
  const file = {
    'gateway.envoyproxy.io': `envoy-gateway/_schemas/ComGithubEnvoyproxyGatewayApi${capital(version)}${kind}.js`,
    'gateway.networking.k8s.io': `gateway-api/_schemas/IoK8sSigsGatewayApiApis${capital(version)}${kind}.js`,
  }[group] || `istio/_schemas/${groupName}${capital(version)}${kind}.js`;
  const path = `${folder}/node_modules/@kubernetes-models/${file}`;
  return existsSync(path) ? path : undefined;
}

// The validators pass over fields that they do not know, so what they ask for is noted: a field that was never asked for is unknown.
function watched(value, path, objects) {
  if (value === null || typeof value !== 'object') return value;
  const asked = new Set();
  const inner = new Map();
  if (!Array.isArray(value)) objects.push({ path, value, asked });
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'symbol') return target[key];
      asked.add(key);
      if (!inner.has(key)) inner.set(key, watched(target[key], `${path}/${key}`, objects));
      return inner.get(key);
    },
    // A map: whoever lists its keys takes any.
    ownKeys(target) {
      Object.keys(target).forEach((key) => asked.add(key));
      return Reflect.ownKeys(target);
    },
  });
}

async function check(folder, resource) {
  const file = validatorOf(folder, resource);
  if (!file) return { mistakes: [`${resource.apiVersion} defines no ${resource.kind}`], free: [] };
  const { validate } = await import(pathToFileURL(file).href);
  const objects = [];
  validate(watched(resource, '', objects));
  const mistakes = (validate.errors || []).map((e) => `${e.instancePath} ${e.keyword} ${JSON.stringify(e.params)}`);
  const free = [];
  for (const { path, value, asked } of objects) {
    // Of what has fields, each is asked for by name, whether it is there or not.
    if (asked.size === 0) free.push(path);
    else mistakes.push(...Object.keys(value).filter((key) => !asked.has(key)).map((key) => `${path}/${key} is unknown`));
  }
  return { mistakes, free };
}

const resources = JSON.parse(readFileSync(0, 'utf8'));
const found = [];
for (const resource of resources) found.push(await check(process.argv[2], resource));
console.log(JSON.stringify(found));
