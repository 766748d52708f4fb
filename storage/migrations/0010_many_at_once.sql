-- Ten thousand findings in one moment, and ten thousand steps that are due in the same.

-- What was found together with thousands of others is committed with its readings, and becomes alerts some hundreds at
-- a time, so that a fire never waits for all of them.
CREATE TABLE waiting_findings (
    no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    told_at timestamptz NOT NULL,          -- the engine's clock when they were found: their alerts begin as of then
    findings bytea NOT NULL,               -- JSON, in the order in which they are taken; nobody asks for their parts
    refused text                           -- why no alerts could be made of them; kept to be looked into
);
ALTER TABLE waiting_findings ALTER COLUMN findings SET STORAGE EXTERNAL;  -- it is gone in seconds: not compressed
CREATE INDEX waiting_findings_next ON waiting_findings (no) WHERE refused IS NULL;

-- The whole order in the index: nothing is left to sort, however many are equal in rank and due time.
DROP INDEX step_next;
CREATE INDEX step_next ON step (rank DESC, due, alert, no) WHERE status = 'pending';
DROP INDEX notification_next;
CREATE INDEX notification_next ON notification (rank DESC, next_attempt_at, created_at, id) WHERE status = 'queued';

-- Lists and the board begin at the beginning of an index.
DROP INDEX alert_raised;
CREATE INDEX alert_raised ON alert (raised_at DESC, id DESC);
CREATE INDEX alert_board ON alert (severity DESC, opened_at, id)
    WHERE status IN ('unacknowledged', 'acknowledged', 'returned');
CREATE INDEX alert_board_quiet ON alert (severity DESC, opened_at, id) WHERE status IN ('shelved', 'suppressed');
CREATE INDEX alert_outage ON alert (household) WHERE kind = 'outage' AND status <> 'closed';
