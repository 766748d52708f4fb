// Node-RED's settings for `shouwang bench end-to-end --node-red`: no editor, and a function that stores a message.
const told = require("./told.json");
const { Pool } = require(told.modules + "/pg");
const pool = new Pool({ ...told.database, max: 4 });
const insert = `
INSERT INTO node_red_reading
SELECT sensor, to_timestamp(time), value FROM unnest($1::text[], $2::float8[], $3::float8[]) AS row (sensor, time, value)
ON CONFLICT DO NOTHING`;

module.exports = {
  uiHost: "127.0.0.1",
  uiPort: told.port,
  httpAdminRoot: false,
  httpNodeRoot: false,
  credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false },
  functionGlobalContext: {
    store: (pack) => pool.query(insert, [pack.map((one) => one.n), pack.map((one) => one.t), pack.map((one) => one.v)]),
  },
};
