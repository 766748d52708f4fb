-- What Twilio's webhooks said, so that the second time changes nothing and gets the first answer.

CREATE TABLE twilio_event (
    sid text NOT NULL,                     -- Twilio's id of the call or message
    what text NOT NULL,                    -- which of its webhooks: voice, key 1, machine, status completed, inbound
    at timestamptz NOT NULL,
    notification uuid REFERENCES notification,
    phone text NOT NULL DEFAULT '',        -- of an SMS that came in: who sent it
    said text NOT NULL DEFAULT '',         -- the key, the status, or who took the call
    answer text NOT NULL DEFAULT '',       -- the TwiML it was answered with; '' is none
    PRIMARY KEY (sid, what)
);
CREATE INDEX twilio_event_phone ON twilio_event (phone, at DESC) WHERE phone <> '';
CREATE INDEX twilio_event_notification ON twilio_event (notification);
