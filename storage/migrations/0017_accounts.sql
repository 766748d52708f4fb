-- Who signs in: accounts, the sessions they opened, and how often somebody tried in vain.

-- A gateway's vendor stands outside the order of the other roles: of the whole service they see their gateways.
ALTER TABLE token
    DROP CONSTRAINT token_role_check,
    ADD CONSTRAINT token_role_check
        CHECK (role IN ('calendar', 'vendor', 'viewer', 'caseworker', 'officer', 'operator')),
    ADD COLUMN gateways text[] NOT NULL DEFAULT '{}',
    ADD COLUMN language text CHECK (language IN ('zh_CN', 'en')),   -- null: as the browser asks
    ADD CONSTRAINT token_gateways_check CHECK ((role = 'vendor') = (cardinality(gateways) > 0));

CREATE TABLE account (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''), -- what is typed to sign in, and how timelines and the trail call them
    shown text NOT NULL,                   -- their name as others know it
    issuer text NOT NULL DEFAULT '',       -- the OpenID provider that vouches for them; '' they have a password here
    subject text NOT NULL DEFAULT '',      -- and its id for them
    password text,                         -- argon2id
    must_change boolean NOT NULL DEFAULT false,  -- somebody else made the password
    totp text,                             -- the secret of the second factor, sealed
    totp_step bigint,                      -- the last 30 seconds a code was taken for: none is taken twice
    role text NOT NULL CHECK (role IN ('vendor', 'viewer', 'caseworker', 'officer', 'operator')),
    area text NOT NULL,                    -- '' is everywhere
    gateways text[] NOT NULL DEFAULT '{}',
    person text REFERENCES person ON DELETE CASCADE,
    language text CHECK (language IN ('zh_CN', 'en')),
    created_at timestamptz NOT NULL DEFAULT now(),
    signed_in_at timestamptz,
    disabled_at timestamptz,
    CHECK ((issuer = '') = (subject = '')),
    CHECK (issuer = '' OR (password IS NULL AND totp IS NULL)),
    CHECK ((role = 'vendor') = (cardinality(gateways) > 0))
);
CREATE UNIQUE INDEX account_name ON account (lower(name));
CREATE UNIQUE INDEX account_subject ON account (issuer, subject) WHERE issuer <> '';

-- Each opens the door once in place of the second factor.
CREATE TABLE recovery_code (
    account uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    hash bytea NOT NULL,
    PRIMARY KEY (account, hash)
);

-- A browser that is signed in, or on the way to it. Only a hash of its cookie is kept.
CREATE TABLE session (
    hash bytea PRIMARY KEY,
    id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),   -- by which it is named and revoked
    account uuid REFERENCES account ON DELETE CASCADE,
    token bytea REFERENCES token ON DELETE CASCADE,      -- of the sign-in link it was opened with
    stage text NOT NULL CHECK (stage IN ('code', 'password', 'enrol', 'open')),  -- what is asked for next; open: nothing
    offer text,                            -- the second factor being set up, sealed
    begun_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz NOT NULL,
    address text NOT NULL,
    agent text NOT NULL,                   -- what the browser calls itself
    CHECK (num_nonnulls(account, token) = 1)
);
CREATE INDEX session_account ON session (account);
CREATE INDEX session_token ON session (token);
CREATE INDEX session_ends ON session (ends_at);

-- Who tries too often waits, longer each time.
CREATE TABLE sign_in_attempt (
    what text NOT NULL CHECK (what IN ('account', 'address')),
    hash bytea NOT NULL,                   -- of the name or address; a password is easily typed where the name goes
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL,
    PRIMARY KEY (what, hash)
);
CREATE INDEX sign_in_attempt_last ON sign_in_attempt (last_at);
