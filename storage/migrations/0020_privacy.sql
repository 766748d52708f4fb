-- Telephone numbers and addresses are sealed by the application, which alone has the key (storage/sealing.py): what
-- stands in these columns is ciphertext, bound to its row. `phone_index` is what a number is found by, keyed as well.
-- What is there already is sealed in batches as soon as this file is applied (storage/sealed_columns.py); constraints
-- named TABLE_COLUMN_sealed then refuse anything else.

DROP INDEX person_phone, notification_phone, handset_message_phone, twilio_event_phone;

ALTER TABLE person ADD COLUMN phone_index bytea;
ALTER TABLE notification ADD COLUMN phone_index bytea;
ALTER TABLE handset_message ADD COLUMN phone_index bytea;
ALTER TABLE twilio_event ADD COLUMN phone_index bytea;

CREATE INDEX person_phone ON person (phone_index);
CREATE INDEX notification_phone ON notification (phone_index, sent_at DESC);
CREATE INDEX handset_message_phone ON handset_message (phone_index, at DESC);
CREATE INDEX twilio_event_phone ON twilio_event (phone_index, at DESC) WHERE phone_index IS NOT NULL;

-- A digest without a key is no secret: all telephone numbers can be tried. Each wrong one makes its task once more.
DELETE FROM wrong_address;
COMMENT ON COLUMN wrong_address.digest IS 'HMAC-SHA-256 of the number or address; another one is another task';

-- How to reach the partner a task was transferred to stands with the task, and there it is sealed.
ALTER TABLE alert_event DISABLE TRIGGER alert_event_append_only;
UPDATE alert_event SET detail = detail - 'address' WHERE detail ? 'address';
ALTER TABLE alert_event ENABLE TRIGGER alert_event_append_only;
