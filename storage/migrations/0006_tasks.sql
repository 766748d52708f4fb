-- Tasks that are refused, handed over, transferred and followed up; and why an alarm was false.

ALTER TABLE alert ADD COLUMN why text
    CHECK (why IN ('at_home_not_using', 'away_unregistered', 'device_fault', 'wrong_household', 'other'));
ALTER TABLE task ADD COLUMN why text
    CHECK (why IN ('at_home_not_using', 'away_unregistered', 'device_fault', 'wrong_household', 'other'));
ALTER TABLE task ADD COLUMN follow_up boolean NOT NULL DEFAULT false;     -- planned when its alert was closed
ALTER TABLE task ADD COLUMN refused text[] NOT NULL DEFAULT '{}';         -- ids of people who will not be asked again
ALTER TABLE task ADD COLUMN offered_to text REFERENCES person ON DELETE SET NULL;   -- handed over, not accepted yet
ALTER TABLE task ADD COLUMN reference text;                               -- a partner organisation's own
ALTER TABLE task ADD COLUMN partner_address text;                         -- how to reach them, in words

-- What everybody has in hand, and who of the staff is near.
CREATE INDEX task_in_hand ON task (assignee) WHERE status IN ('open', 'accepted');
CREATE INDEX task_offered ON task (offered_to) WHERE offered_to IS NOT NULL;
CREATE INDEX person_staff ON person (role, area) WHERE area IS NOT NULL;
