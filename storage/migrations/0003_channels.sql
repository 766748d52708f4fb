-- Channels beside the handset: addresses of messengers and webhooks, what providers say, and what people forbid.

ALTER TABLE person ADD COLUMN address text;                  -- an Apprise URL, or https:// for a webhook: a secret
ALTER TABLE person DROP CONSTRAINT person_channel_check;
ALTER TABLE person ADD CONSTRAINT person_channel_check CHECK (channel IN ('sms', 'call', 'message'));

ALTER TABLE notification ADD COLUMN reference text NOT NULL DEFAULT '';   -- the provider's id
ALTER TABLE notification ADD COLUMN address text NOT NULL DEFAULT '';     -- where a message goes: a secret
ALTER TABLE notification ADD COLUMN answer text;                          -- the last thing that was answered
ALTER TABLE notification ADD COLUMN admitted_at timestamptz;              -- when the limits per person let it pass
ALTER TABLE notification DROP CONSTRAINT notification_medium_check;
ALTER TABLE notification ADD CONSTRAINT notification_medium_check CHECK (medium IN ('sms', 'call', 'message'));
ALTER TABLE notification DROP CONSTRAINT notification_status_check;
ALTER TABLE notification ADD CONSTRAINT notification_status_check
    CHECK (status IN ('queued', 'sent', 'delivered', 'answered', 'missed', 'failed', 'cancelled'));
CREATE INDEX notification_reference ON notification (reference) WHERE reference <> '';
CREATE INDEX notification_unreported ON notification (sent_at) WHERE status = 'sent';
CREATE INDEX notification_person ON notification (person, admitted_at);
CREATE INDEX notification_phone ON notification (phone, sent_at DESC);

ALTER TABLE handset_message DROP CONSTRAINT handset_message_medium_check;
ALTER TABLE handset_message ADD CONSTRAINT handset_message_medium_check CHECK (medium IN ('sms', 'call', 'message'));

ALTER TABLE task DROP CONSTRAINT task_kind_check;
ALTER TABLE task ADD CONSTRAINT task_kind_check
    CHECK (kind IN ('visit', 'review', 'maintenance', 'call_task', 'contact'));

-- Who has forbidden a channel to send them SMS, calls or messages: it never does again.
CREATE TABLE opted_out (
    person text NOT NULL REFERENCES person ON DELETE CASCADE,
    channel text NOT NULL,
    medium text NOT NULL CHECK (medium IN ('sms', 'call', 'message')),
    at timestamptz NOT NULL,
    PRIMARY KEY (person, channel, medium)
);

-- Numbers and addresses that a channel found wrong, so that one of them makes one task, however many alerts meet it.
CREATE TABLE wrong_address (
    person text NOT NULL REFERENCES person ON DELETE CASCADE,
    channel text NOT NULL,
    digest bytea NOT NULL,                 -- SHA-256 of the number or address; another one is another task
    at timestamptz NOT NULL,
    PRIMARY KEY (person, channel)
);
