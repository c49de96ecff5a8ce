#!/usr/bin/env node
// A hub for Server-Sent Events as one would write it for Node.js without a library. It has a Map
// from each namespace to the set of its responses, and writes one string to each response.
// Publishers send ssed's PUB lines (docs/line-protocol.txt) to the same process.
import http from 'node:http';
import net from 'node:net';
import process from 'node:process';
import { parseArgs } from 'node:util';

const changed = ['nothing: the defaults of node:http and node:net'];
const heartbeatMs = 15_000;

/** @type {Map<string, Set<http.ServerResponse>>} */
const namespaces = new Map();
let sequence = 0;

function subscribe(request, response) {
  const { pathname } = new URL(request.url, 'http://hub');
  if (request.method !== 'GET' || !pathname.startsWith('/subscribe/')) {
    response.writeHead(404).end();
    return;
  }
  const namespace = decodeURIComponent(pathname.slice('/subscribe'.length));
  let subscribers = namespaces.get(namespace);
  if (!subscribers) namespaces.set(namespace, (subscribers = new Set()));
  subscribers.add(response);
  response.on('close', () => {
    subscribers.delete(response);
    // The namespace may have a new set at that time.
    if (subscribers.size === 0 && namespaces.get(namespace) === subscribers) namespaces.delete(namespace);
  });
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
}

function publish(namespace, event, data) {
  const subscribers = namespaces.get(namespace);
  if (subscribers) {
    const name = event === '-' ? '' : `event:${event}\n`;
    const frame = `${name}data:${data.replace(/\r\n|\r|\n/g, '\ndata:')}\n\n`;
    for (const response of subscribers) response.write(frame);
  }
  return ++sequence;
}

setInterval(() => {
  for (const subscribers of namespaces.values()) {
    for (const response of subscribers) response.write(':keepalive\n');
  }
}, heartbeatMs).unref();

/**
 * One publisher. Commands are handled as soon as their bytes are complete. All replies to one piece
 * of input are sent in one write.
 */
class Publisher {
  held = Buffer.alloc(0);
  quiet = false;

  constructor(socket) {
    socket.on('data', (piece) => {
      const { replies, end } = this.feed(piece);
      if (replies) socket.write(replies);
      if (end) socket.end();
    });
    socket.on('error', () => socket.destroy());
  }

  feed(piece) {
    const input = this.held.length ? Buffer.concat([this.held, piece]) : piece;
    let at = 0;
    let replies = '';
    for (;;) {
      const lineEnd = input.indexOf(10, at);
      if (lineEnd < 0) break;
      const line = input.toString('utf8', at, lineEnd).replace(/\r$/, '');
      let next = lineEnd + 1;
      const announced = /^PUBN (\S+) (\S+) (\d{1,18})$/.exec(line);
      if (announced) {
        const payloadEnd = next + Number(announced[3]);
        const end = input.indexOf(10, payloadEnd);
        if (end < 0) break;
        replies += this.accept(announced[1], announced[2], input.toString('utf8', next, payloadEnd));
        next = end + 1;
      } else if (line === 'QUIT') {
        return { replies: `${replies}OK\n`, end: true };
      } else {
        replies += this.command(line);
      }
      at = next;
    }
    this.held = input.subarray(at);
    return { replies, end: false };
  }

  command(line) {
    const published = /^PUB (\S+) (\S+) ([^]*)$/.exec(line);
    if (published) return this.accept(published[1], published[2], published[3]);
    if (line === 'PING') return 'PONG\n';
    if (line === 'QUIET on' || line === 'QUIET off') {
      this.quiet = line === 'QUIET on';
      return 'OK\n';
    }
    return 'ERR syntax the line is not a command\n';
  }

  accept(namespace, event, data) {
    const number = publish(namespace, event, data);
    return this.quiet ? '' : `OK ${number}\n`;
  }
}

function listen(server, address) {
  const [, host, port] = /^(.*):(\d+)$/.exec(address);
  server.listen(Number(port), host);
}

const { values: options } = parseArgs({
  // Go's flags start with one dash.
  args: process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z]{2})/, '--')),
  options: {
    listen: { type: 'string', default: '127.0.0.1:8001' },
    publish: { type: 'string', default: '127.0.0.1:8002' },
    version: { type: 'boolean', default: false },
  },
});
if (options.version) {
  console.log([`node ${process.version}`, ...changed].join('; '));
} else {
  listen(http.createServer(subscribe), options.listen);
  listen(net.createServer((socket) => new Publisher(socket)), options.publish);
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
}
