-- Workers see what befalls an area each in their part of the households: what one of them tells is a share, and the
-- shares of one cause at one place are one incident. A share that was told as an incident of its own is `part_of` it.

CREATE TABLE incident_share (
    id uuid PRIMARY KEY REFERENCES incident,      -- the incident as its engine knows it
    incident uuid NOT NULL REFERENCES incident,   -- what people are shown
    area text NOT NULL,
    onset timestamptz NOT NULL,
    ended_at timestamptz,
    homes integer NOT NULL,
    homes_known integer NOT NULL,
    devices integer NOT NULL
);
CREATE INDEX incident_share_incident ON incident_share (incident);
