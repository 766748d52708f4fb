-- Which incident explains an alert that it closed; of what a storm keeps quiet, `storm` says so.

ALTER TABLE alert ADD COLUMN incident uuid;
CREATE INDEX alert_incident ON alert (incident) WHERE incident IS NOT NULL;
